"""Ranking of cause words and phrases, with offsets, from token or word scores."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import exp

from ...contract import Cause, Dialogue, Turn
from ...contract.chinese.words import chinese_words
from ...contract.dialogue import Word
from ...contract.text import PARTICLES, has_chinese, is_content_word, is_verb_form, may_be_cause, word_spans
from .encoding import Encoded

MAX_CHINESE_PHRASE = 6
"""Characters of a Chinese phrase at most."""
_BEGINNINGS = frozenset("不没沒别別很太都也就还還又再")
"""Characters that say something of what follows them: no phrase ends with one."""


def candidates(dialogue: Dialogue, *, light: bool = False) -> list[Word]:
    """Return the words that may be causes: content words of the speaker's turns.

    If there are none, all words of the speaker; without a turn of the speaker, the listener's.

    Args:
        dialogue: The dialogue.
        light: Also return words such as "not", "myself" and "got", for a score that was trained to decide
            where they matter.
    """
    turns = [i for i, turn in enumerate(dialogue) if turn.role == "speaker"] or list(range(len(dialogue)))
    words = [Word(i, start, end) for i in turns for start, end in _spans(dialogue[i].text)]
    is_candidate = may_be_cause if light else is_content_word
    return [word for word in words if is_candidate(_text(dialogue, word))] or words


def _spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word, those of a run of Chinese characters included."""
    spans: list[tuple[int, int]] = []
    for start, end in word_spans(text):
        run = text[start:end]
        spans += [(start + a, start + b) for a, b in chinese_words(run)] if has_chinese(run) else [(start, end)]
    return spans


def without(dialogue: Dialogue, word: Word) -> list[Turn]:
    """Return the dialogue without one word, for occlusion (Zeiler & Fergus, ECCV 2014)."""
    turns = list(dialogue)
    role, text = turns[word.turn].role, turns[word.turn].text
    turns[word.turn] = Turn(role, text[: word.start] + text[word.end :])
    return turns


def word_tokens(encoded: Encoded, words: Iterable[Word]) -> dict[Word, range]:
    """Return the indices of each word's tokens; words outside the window are left out.

    A long turn has many more words than the window has tokens, so that each word is looked up, not compared with all.
    """
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    first: dict[int, int] = {}
    for index, offset in enumerate(encoded.offsets):
        if offset:
            turn, start, end = offset
            first.setdefault(turn, index)
            starts.setdefault(turn, []).append(start)
            ends.setdefault(turn, []).append(end)
    token_ranges: dict[Word, range] = {}
    for word in words:
        if word.turn in first:
            own = range(bisect_right(ends[word.turn], word.start), bisect_left(starts[word.turn], word.end))
            if own:
                token_ranges[word] = range(first[word.turn] + own.start, first[word.turn] + own.stop)
    return token_ranges


def word_scores(encoded: Encoded, words: Iterable[Word], tokens: Sequence[float]) -> dict[Word, float]:
    """Return each word's score, the highest of its tokens'; words outside the window are left out.

    Args:
        encoded: The encoded dialogue.
        words: Words of that dialogue.
        tokens: One score per token.
    """
    return {word: max(float(tokens[i]) for i in own) for word, own in word_tokens(encoded, words).items()}


def rank(
    dialogue: Dialogue, words: Sequence[Word], scores: Sequence[float], limit: int, *, phrases: bool = True
) -> tuple[Cause, ...]:
    """Return the words and phrases with the highest scores as causes, strongest first.

    A verb is joined with its particle ("passed away"), and adjacent words with consecutive ranks
    become one phrase ("lottery ticket"). Chinese words do so where no blank stands between them, and single
    characters side by side whatever their ranks ("问", "住").

    Args:
        dialogue: The dialogue.
        words: Candidates.
        scores: One evidence score per candidate, in nats; higher is more evidence for the emotion.
        limit: Maximum number of causes. A word that occurs twice counts once, at its stronger position.
        phrases: False joins no words.

    Returns:
        Causes whose weights are the softmax of the scores over all candidates; a phrase has the weight of
        its strongest word.
    """
    if not words:
        return ()
    top = max(scores)
    odds = [exp(score - top) for score in scores]
    total = sum(odds)
    selected: dict[str, int] = {}
    for index in sorted(range(len(words)), key=lambda i: (-scores[i], words[i].turn, words[i].start)):
        if len(selected) < limit:
            selected.setdefault(_text(dialogue, words[index]).lower(), index)
    ranked = [words[index] for index in selected.values()]
    spans = _phrases(dialogue, ranked) if phrases else {word: word for word in ranked}
    causes: dict[Word, Cause] = {}
    for index in selected.values():
        span = spans[words[index]]
        cause = Cause(
            text=_text(dialogue, span), turn=span.turn, start=span.start, end=span.end, weight=odds[index] / total
        )
        causes.setdefault(span, cause)
    return tuple(causes.values())


def _text(dialogue: Dialogue, word: Word) -> str:
    return dialogue[word.turn].text[word.start : word.end]


def _phrases(dialogue: Dialogue, ranked: Sequence[Word]) -> dict[Word, Word]:
    """Return the phrase that contains each word, often the word itself.

    Args:
        dialogue: The dialogue.
        ranked: The ranked words, strongest first.
    """
    next_to = {
        first: second for turn in {word.turn for word in ranked} for first, second in _neighbours(dialogue, turn)
    }
    span = {word: word for word in ranked}
    for first, second in pairwise(ranked):
        if next_to.get(first) == second and _may_follow(dialogue, span[first], span[second]):
            span = _with_phrase(span, span[first], span[second])
    for first, second in pairwise(sorted(ranked, key=lambda word: (word.turn, word.start))):
        is_pair = first.end - first.start == second.end - second.start == 1 and next_to.get(first) == second
        if is_pair and has_chinese(_text(dialogue, first)) and _may_follow(dialogue, span[first], span[second]):
            span = _with_phrase(span, span[first], span[second])
    for word in ranked:
        after = next_to.get(word)
        if after and span[word].end == word.end and _is_phrasal_verb(_text(dialogue, word), _text(dialogue, after)):
            span = _with_phrase(span, span[word], span.get(after, after))
    return span


def _with_phrase(span: Mapping[Word, Word], first: Word, second: Word) -> dict[Word, Word]:
    """Return the phrases of words with two that follow each other joined to one."""
    phrase = Word(first.turn, first.start, second.end)
    return {word: phrase if own in (first, second) else own for word, own in span.items()}


def _may_follow(dialogue: Dialogue, first: Word, second: Word) -> bool:
    """Return whether two words that follow each other read as one phrase; those of a language with blanks do."""
    if first == second or not any(has_chinese(_text(dialogue, word)) for word in (first, second)):
        return True
    is_short = second.end - first.start <= MAX_CHINESE_PHRASE
    return first.end == second.start and is_short and _text(dialogue, second) not in _BEGINNINGS


def _neighbours(dialogue: Dialogue, turn: int) -> list[tuple[Word, Word]]:
    """Return the pairs of words with only white space between them."""
    text = dialogue[turn].text
    words = [Word(turn, *span) for span in _spans(text)]
    return [(first, second) for first, second in pairwise(words) if not text[first.end : second.start].strip()]


def _is_phrasal_verb(verb: str, particle: str) -> bool:
    return particle.lower() in PARTICLES and is_verb_form(verb)
