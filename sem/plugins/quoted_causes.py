"""From what an LLM quotes to cause words with exact offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...contract import Cause, Dialogue
from ...contract.text import is_content_word, word_spans

LONGEST = 5
"""Words of one cause; of a longer quote each content word counts for itself."""

_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»\n]+)[\"“”«»]")
_NUMBERING = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s*")


def quoted_causes(answer: str, dialogue: Dialogue, limit: int) -> tuple[Cause, ...]:
    """Return the quotes of an answer that stand in the dialogue, in the answer's order.

    Quotes are what stands in quotation marks; without any, what commas and line breaks part. Of a
    quote that occurs more than once the newest turn's counts. What is not in the dialogue, has no
    content word or lies over an earlier quote is dropped.

    Args:
        answer: What the LLM wrote.
        dialogue: Where the words must stand; the speaker's turns alone where there are any.
        limit: How many causes at most.

    Returns:
        Causes with weights 1, 1/2, 1/3, … of their sum.
    """
    places: list[tuple[int, int, int]] = []
    for quote in _quotes(answer):
        place = _place(quote, dialogue)
        if place and not any(_overlap(place, other) for other in places) and len(places) < limit:
            places.append(place)
    whole = sum(1 / rank for rank in range(1, len(places) + 1))
    return tuple(
        Cause(text=dialogue[turn].text[start:end], turn=turn, start=start, end=end, weight=1 / rank / whole)
        for rank, (turn, start, end) in enumerate(places, start=1)
    )


def _quotes(answer: str) -> Iterator[str]:
    """Yield the phrases of an answer; a long one as its content words."""
    said = _QUOTED.findall(answer) or [_NUMBERING.sub("", part) for part in re.split(r"[,;\n]", answer)]
    for phrase in said:
        words = [phrase[start:end] for start, end in word_spans(phrase)]
        content = [word for word in words if is_content_word(word)]
        if content and len(words) <= LONGEST:
            start, end = word_spans(phrase)[0][0], word_spans(phrase)[-1][1]
            yield phrase[start:end]
        else:
            yield from content


def _place(quote: str, dialogue: Dialogue) -> tuple[int, int, int] | None:
    """Return (turn, start, end) of a quote: whole words, any case, spacing and apostrophe."""
    parts = (re.escape(part).replace("’", "'").replace("'", "['’]") for part in quote.split())
    wanted = re.compile(r"(?<!\w)" + r"\s+".join(parts) + r"(?!\w)", re.IGNORECASE)
    own = [i for i, turn in enumerate(dialogue) if turn.role == "speaker"] or list(range(len(dialogue)))
    for index in reversed(own):
        if found := wanted.search(dialogue[index].text):
            return index, *found.span()
    return None


def _overlap(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]
