"""Cause words with exact offsets, from the phrases that an LLM quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...contract import Cause, Dialogue
from ...contract.chinese.words import chinese_words
from ...contract.text import has_chinese, is_content_word, word_spans

MAX_WORDS = 5
"""Longest cause in words; of a longer quote each content word counts by itself."""

_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»\n]+)[\"“”«»]")
_NUMBERING = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s*")


class _Span(NamedTuple):
    turn: int
    start: int
    end: int


def quoted_causes(answer: str, dialogue: Dialogue, limit: int) -> tuple[Cause, ...]:
    """Return the quotes of an answer that occur in the dialogue, in the answer's order.

    Quotes are the texts in quotation marks; without any, the texts between commas and line breaks. If a
    quote occurs more than once, the newest turn counts. A quote that is not in the dialogue, has no
    content word or overlaps an earlier one is dropped.

    Args:
        answer: The LLM's answer.
        dialogue: The dialogue; only the speaker's turns are searched where there are any.
        limit: Largest number of causes.

    Returns:
        Causes with weights 1, 1/2, 1/3, … divided by their sum.
    """
    spans: list[_Span] = []
    for quote in _quotes(answer):
        span = _find(quote, dialogue)
        if span and not any(_overlap(span, other) for other in spans) and len(spans) < limit:
            spans.append(span)
    total = sum(1 / rank for rank in range(1, len(spans) + 1))
    return tuple(
        Cause(text=dialogue[turn].text[start:end], turn=turn, start=start, end=end, weight=1 / rank / total)
        for rank, (turn, start, end) in enumerate(spans, start=1)
    )


def quotation(quote: str, dialogue: Dialogue, max_words: int) -> Cause | None:
    """Return a quote as one cause; None where nobody said it, it has no content word, or it has too many words.

    Args:
        quote: What an LLM quoted.
        dialogue: As in `quoted_causes`.
        max_words: Words of it at most.
    """
    spans = word_spans(quote)
    is_content = any(is_content_word(quote[start:end]) for start, end in spans)
    words = [chinese_words(quote[start:end]) if has_chinese(quote[start:end]) else [start] for start, end in spans]
    is_short = sum(map(len, words)) <= max_words
    span = _find(quote[spans[0][0] : spans[-1][1]], dialogue) if is_content and is_short else None
    if span is None:
        return None
    return Cause(text=dialogue[span.turn].text[span.start : span.end], weight=1.0, **span._asdict())


def _quotes(answer: str) -> Iterator[str]:
    """Yield the phrases of an answer; a long one as its content words."""
    phrases = _QUOTED.findall(answer) or [_NUMBERING.sub("", part) for part in re.split(r"[,;\n]", answer)]
    for phrase in phrases:
        words = [phrase[start:end] for start, end in word_spans(phrase)]
        content_words = [word for word in words if is_content_word(word)]
        if content_words and len(words) <= MAX_WORDS:
            start, end = word_spans(phrase)[0][0], word_spans(phrase)[-1][1]
            yield phrase[start:end]
        else:
            yield from content_words


def _find(quote: str, dialogue: Dialogue) -> _Span | None:
    """Return the span of a quote: complete words, in any case, spacing and form of apostrophe.

    Chinese words have no blanks around them.
    """
    words = (re.escape(word).replace("’", "'").replace("'", "['’]") for word in quote.split())
    begin, end = (
        "" if has_chinese(edge) else bound for edge, bound in ((quote[0], r"(?<!\w)"), (quote[-1], r"(?!\w)"))
    )
    pattern = re.compile(begin + r"\s+".join(words) + end, re.IGNORECASE)
    searched = [index for index, turn in enumerate(dialogue) if turn.role == "speaker"] or range(len(dialogue))
    for index in reversed(searched):
        if match := pattern.search(dialogue[index].text):
            return _Span(index, *match.span())
    return None


def _overlap(first: _Span, second: _Span) -> bool:
    return first.turn == second.turn and first.start < second.end and second.start < first.end
