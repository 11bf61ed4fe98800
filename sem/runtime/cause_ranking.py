"""From a score for each piece of text to ranked cause words and phrases with offsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import exp

from ...contract import Cause, Dialogue, Turn
from ...contract.dialogue import Word
from ...contract.text import PARTICLES, is_content_word, is_verb_form, may_be_cause, word_spans
from .encoding import Encoded


def candidates(dialogue: Dialogue, *, light: bool = False) -> list[Word]:
    """Return the words that may be causes: content words of the speaker's turns.

    Without any, all words of the speaker; without a speaker's turn, the listener's.

    Args:
        dialogue: Where to look.
        light: Also words such as "not", "myself" and "got", for a score that was trained to tell
            where they matter.
    """
    own = [i for i, turn in enumerate(dialogue) if turn.role == "speaker"] or list(range(len(dialogue)))
    words = [Word(i, start, end) for i in own for start, end in word_spans(dialogue[i].text)]
    fits = may_be_cause if light else is_content_word
    return [word for word in words if fits(_text(dialogue, word))] or words


def without(dialogue: Dialogue, word: Word) -> list[Turn]:
    """Return the dialogue with one word left out, for occlusion (Zeiler & Fergus, ECCV 2014)."""
    turns = list(dialogue)
    role, text = turns[word.turn].role, turns[word.turn].text
    turns[word.turn] = Turn(role, text[: word.start] + text[word.end :])
    return turns


def word_tokens(encoded: Encoded, word: Word) -> list[int]:
    """Return the indices of a word's tokens; none where it fell out of the window."""
    return [
        index
        for index, place in enumerate(encoded.places)
        if place and place[0] == word.turn and place[1] < word.end and place[2] > word.start
    ]


def word_scores(encoded: Encoded, words: Iterable[Word], tokens: Sequence[float]) -> dict[Word, float]:
    """Return each word's score, the highest of its tokens'; words outside the window are left out.

    Args:
        encoded: The dialogue as it was read.
        words: Words of that dialogue.
        tokens: One score a token.
    """
    inside = {word: word_tokens(encoded, word) for word in words}
    return {word: max(float(tokens[i]) for i in places) for word, places in inside.items() if places}


def rank(
    dialogue: Dialogue, words: Sequence[Word], scores: Sequence[float], limit: int, *, phrases: bool = True
) -> tuple[Cause, ...]:
    """Return the best-scored words and phrases as causes, strongest first.

    A verb takes its particle with it ("passed away"), and words that stand side by side and rank
    one after the other become one phrase ("lottery ticket").

    Args:
        dialogue: Where the words stand.
        words: Candidates.
        scores: One evidence score a candidate, in nats; higher speaks more for the emotion.
        limit: How many causes at most. A word that occurs twice counts once, at its stronger place.
        phrases: False leaves each word alone.

    Returns:
        Causes whose weights are the softmax of the scores over all candidates; a phrase has its
        strongest word's.
    """
    if not words:
        return ()
    top = max(scores)
    raised = [exp(score - top) for score in scores]
    total = sum(raised)
    taken: dict[str, int] = {}
    for index in sorted(range(len(words)), key=lambda i: (-scores[i], words[i].turn, words[i].start)):
        if len(taken) < limit:
            taken.setdefault(_text(dialogue, words[index]).lower(), index)
    held = [words[index] for index in taken.values()]
    spans = _phrases(dialogue, held) if phrases else {word: word for word in held}
    causes: dict[Word, Cause] = {}
    for index in taken.values():
        span = spans[words[index]]
        cause = Cause(
            text=_text(dialogue, span), turn=span.turn, start=span.start, end=span.end, weight=raised[index] / total
        )
        causes.setdefault(span, cause)
    return tuple(causes.values())


def _text(dialogue: Dialogue, word: Word) -> str:
    return dialogue[word.turn].text[word.start : word.end]


def _phrases(dialogue: Dialogue, held: Sequence[Word]) -> dict[Word, Word]:
    """Return the phrase that each word stands in, often itself.

    Args:
        dialogue: Where the words stand.
        held: The ranked words, strongest first.
    """
    next_to = {first: second for turn in {word.turn for word in held} for first, second in _neighbours(dialogue, turn)}
    span = {word: word for word in held}
    for first, second in pairwise(held):
        if next_to.get(first) == second:
            run = Word(first.turn, span[first].start, span[second].end)
            span = {word: run if span[word] in (span[first], span[second]) else span[word] for word in span}
    for word in held:
        after = next_to.get(word)
        if after and span[word].end == word.end and _takes(_text(dialogue, word), _text(dialogue, after)):
            old, run = (span[word], span.get(after)), Word(word.turn, span[word].start, after.end)
            span = {other: run if span[other] in old else span[other] for other in span}
    return span


def _neighbours(dialogue: Dialogue, turn: int) -> list[tuple[Word, Word]]:
    """Return the pairs of words with nothing but white space between them."""
    text = dialogue[turn].text
    line = [Word(turn, *span) for span in word_spans(text)]
    return [(first, second) for first, second in pairwise(line) if not text[first.end : second.start].strip()]


def _takes(verb: str, particle: str) -> bool:
    return particle.lower() in PARTICLES and is_verb_form(verb)
