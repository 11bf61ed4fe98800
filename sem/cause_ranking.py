"""From a score for each piece of text to ranked cause words with offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from ..contract import Cause, Dialogue, Turn
from .words import carries_content, words_of


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a dialogue that may be a cause."""

    turn: int
    """Index of its turn."""
    start: int
    """First character in the turn's text."""
    end: int
    """One past the last character."""


def candidates(dialogue: Dialogue) -> list[Word]:
    """Return the words that may be causes: content words of the speaker's turns.

    Without any, all words of the speaker; without a speaker's turn, the listener's.
    """
    own = [i for i, turn in enumerate(dialogue) if turn.role == "speaker"] or list(range(len(dialogue)))
    words = [Word(i, start, end) for i in own for start, end in words_of(dialogue[i].text)]
    content = [word for word in words if carries_content(dialogue[word.turn].text[word.start : word.end])]
    return content or words


def without(dialogue: Dialogue, word: Word) -> list[Turn]:
    """Return the dialogue with one word left out, for occlusion (Zeiler & Fergus, ECCV 2014)."""
    turns = list(dialogue)
    role, text = turns[word.turn].role, turns[word.turn].text
    turns[word.turn] = Turn(role, text[: word.start] + text[word.end :])
    return turns


def rank(dialogue: Dialogue, words: Sequence[Word], scores: Sequence[float], limit: int) -> tuple[Cause, ...]:
    """Return the best-scored words as causes, strongest first.

    Args:
        dialogue: Where the words stand.
        words: Candidates.
        scores: One evidence score a candidate, in nats; higher speaks more for the emotion.
        limit: How many causes at most. A word that occurs twice counts once, at its stronger place.

    Returns:
        Causes whose weights are the softmax of the scores over all candidates.
    """
    if not words:
        return ()
    top = max(scores)
    raised = [exp(score - top) for score in scores]
    total = sum(raised)
    causes: list[Cause] = []
    taken: set[str] = set()
    for index in sorted(range(len(words)), key=lambda i: (-scores[i], words[i].turn, words[i].start)):
        word = words[index]
        text = dialogue[word.turn].text[word.start : word.end]
        if text.lower() not in taken and len(causes) < limit:
            taken.add(text.lower())
            causes.append(
                Cause(text=text, turn=word.turn, start=word.start, end=word.end, weight=raised[index] / total)
            )
    return tuple(causes)
