"""A SEM without weights: words that speak for an emotion, counted."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum

from ...contract import Cause, Dialogue, Reading, SetupError, View
from ...contract.text import word_spans
from ..distribution import normalise
from ..protocol import SemDescription
from ..taxonomy import DATA, EMPATHETIC_DIALOGUES, Taxonomy
from ..validation import apply_views, require_known_emotions

LONGEST = 4
"""Words of a phrase at most."""
NEGATION_REACH = 3
"""A negation turns the words up to so many places after it."""
DECAY = 0.85
"""What a word weighs for each turn that was said after it."""
LISTENER = 0.5
"""What a listener's word weighs beside a speaker's."""
SHARPNESS = 3.5
"""Nats that one word of the last turn adds.

This, `DECAY`, `LISTENER` and `SMOOTHING` are the likeliest of 36 combinations on 2,000 listener turns
of EmpatheticDialogues' training split.
"""
SMOOTHING = 0.3
"""Share of the probability that is spread evenly over all labels."""

_NEGATIONS = frozenset("no not never none nobody nothing neither nor cannot without hardly barely".split())
_CONTRACTED = re.compile(r"n'?t$")
_CLAUSE_END = re.compile(r"[.,;:!?\n]|\bbut\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A word or phrase of a dialogue that the lexicon knows."""

    turn: int
    """Index of its turn."""
    start: int
    """First character in the turn's text."""
    end: int
    """One past the last character."""
    weights: Mapping[str, float]
    """Label -> evidence; below 0 where it is negated."""


class LexiconSem:
    """Read emotion from single words and short phrases; nothing is learned and nothing loaded.

    Good for a first version of a taxonomy of one's own, for tests, and as a member of an ensemble.

    Args:
        lexicon: Label -> words and phrases (of four words at most); `scare*` is a beginning of a
            word. Case does not matter. None takes the list for EmpatheticDialogues that comes with
            HEF, or for other labels the labels themselves and the taxonomy's synonyms.
        taxonomy: The labels of the readings.
        name: What it is called.
        languages: Of the words, as ISO 639-1 codes.
        cause_limit: How many cause words are returned at most.

    Raises:
        SetupError: The lexicon is empty, has a label that the taxonomy lacks, or a phrase that is
            blank or too long.
    """

    def __init__(
        self,
        lexicon: Mapping[str, Sequence[str]] | None = None,
        taxonomy: Taxonomy = EMPATHETIC_DIALOGUES,
        *,
        name: str = "lexicon",
        languages: Sequence[str] = ("en",),
        cause_limit: int = 5,
    ) -> None:
        held = _default(taxonomy) if lexicon is None else lexicon
        if stray := sorted(set(held) - set(taxonomy.labels)):
            raise SetupError(f"the lexicon has labels that taxonomy {taxonomy.name!r} lacks: {stray}")
        self._exact, self._stems = _index(held)
        if not self._exact and not self._stems:
            raise SetupError("the lexicon is empty; give words for at least one label")
        self._cause_limit = cause_limit
        self._description = SemDescription(
            name=name, taxonomy=taxonomy, languages=tuple(languages), licence="Apache-2.0", source="word list"
        )

    @property
    def description(self) -> SemDescription:
        """Describe the SEM."""
        return self._description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading a dialogue: a smoothed softmax of the evidence of its words."""
        return [
            Reading(distribution=self._distribution(turns), sem=self._description.name, view=view)
            for view, turns in apply_views(dialogues, views)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the speaker's words that the lexicon has under the emotion and that are not negated."""
        require_known_emotions(dialogues, emotions, self._description)
        return [self._causes(dialogue, emotion) for dialogue, emotion in zip(dialogues, emotions, strict=True)]

    def hits(self, dialogue: Dialogue) -> list[Hit]:
        """Return the known words and phrases, in the order of the text, with their evidence."""
        last = len(dialogue) - 1
        return [
            Hit(index, start, end, {label: value * _share(turn.role, last - index) for label, value in found.items()})
            for index, turn in enumerate(dialogue)
            for start, end, found in self._in(turn.text)
        ]

    def _distribution(self, dialogue: Dialogue) -> dict[str, float]:
        labels = self._description.taxonomy.labels
        logs = dict.fromkeys(labels, 0.0)
        for hit in self.hits(dialogue):
            for label, weight in hit.weights.items():
                logs[label] += SHARPNESS * weight
        even = SMOOTHING / len(labels)
        return {label: even + (1 - SMOOTHING) * value for label, value in normalise(logs).items()}

    def _causes(self, dialogue: Dialogue, emotion: str) -> tuple[Cause, ...]:
        own = {i for i, turn in enumerate(dialogue) if turn.role == "speaker"} or set(range(len(dialogue)))
        speaking = [hit for hit in self.hits(dialogue) if hit.turn in own and hit.weights.get(emotion, 0.0) > 0]
        total = fsum(hit.weights[emotion] for hit in speaking)
        best = sorted(speaking, key=lambda hit: (-hit.weights[emotion], hit.turn, hit.start))[: self._cause_limit]
        return tuple(
            Cause(
                text=dialogue[hit.turn].text[hit.start : hit.end],
                turn=hit.turn,
                start=hit.start,
                end=hit.end,
                weight=min(1.0, hit.weights[emotion] / total),
            )
            for hit in best
        )

    def _in(self, text: str) -> list[tuple[int, int, dict[str, float]]]:
        """Return (start, end, label -> evidence) of each known phrase of a text; longer ones go first."""
        spans = word_spans(text)
        words = [_plain(text[start:end]) for start, end in spans]
        found: list[tuple[int, int, dict[str, float]]] = []
        at, negated = 0, -1
        while at < len(words):
            count, labels = self._longest(words, at)
            start, end = spans[at][0], spans[at + max(count, 1) - 1][1]
            if labels:
                turned = negated >= 0 and at - negated <= NEGATION_REACH
                turned = turned and not _CLAUSE_END.search(text, spans[negated][1], start)
                share = (-1 if turned else 1) / len(labels)
                found.append((start, end, dict.fromkeys(labels, share)))
            elif words[at] in _NEGATIONS or _CONTRACTED.search(words[at]):
                negated = at
            at += max(count, 1)
        return found

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, tuple[str, ...]]:
        """Return of how many words the longest known phrase at a place is, and its labels; 0 if none is."""
        for count in range(min(LONGEST, len(words) - at), 0, -1):
            if labels := self._exact.get(" ".join(words[at : at + count])):
                return count, labels
        word = words[at]
        for length in range(len(word), 0, -1):
            if labels := self._stems.get(word[:length]):
                return 1, labels
        return 0, ()


def _share(role: str, later: int) -> float:
    """Return what a word weighs by who said it and how many turns came after."""
    return float(DECAY**later * (LISTENER if role == "listener" else 1.0))


def _plain(word: str) -> str:
    return word.lower().replace("’", "'")


_Index = dict[str, tuple[str, ...]]


def _index(lexicon: Mapping[str, Sequence[str]]) -> tuple[_Index, _Index]:
    """Return phrase -> labels, and beginning of a word -> labels."""
    exact: dict[str, dict[str, None]] = defaultdict(dict)
    stems: dict[str, dict[str, None]] = defaultdict(dict)
    for label, phrases in lexicon.items():
        if isinstance(phrases, str):
            raise SetupError(f"the lexicon gives {label!r} a text; give a list of words")
        for phrase in phrases:
            stem = phrase.strip().endswith("*")
            words = [_plain(phrase[start:end]) for start, end in word_spans(phrase)]
            if not 1 <= len(words) <= (1 if stem else LONGEST):
                raise SetupError(
                    f"the lexicon gives {label!r} the phrase {phrase!r}; give one to {LONGEST} words, "
                    "or the beginning of one word before `*`"
                )
            (stems if stem else exact)[" ".join(words)][label] = None
    return {phrase: tuple(held) for phrase, held in exact.items()}, {stem: tuple(held) for stem, held in stems.items()}


def _default(taxonomy: Taxonomy) -> Mapping[str, Sequence[str]]:
    if set(taxonomy.labels) == set(EMPATHETIC_DIALOGUES.labels):
        return _shipped()
    held = {label: [label] for label in taxonomy.labels}
    for word, label in taxonomy.synonyms.items():
        held[label].append(word)
    return held


@cache
def _shipped() -> Mapping[str, Sequence[str]]:
    words: dict[str, list[str]] = json.loads((DATA / "empathetic_dialogues_words.json").read_text(encoding="utf-8"))
    return words
