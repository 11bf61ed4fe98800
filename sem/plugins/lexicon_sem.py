"""A SEM without weights: a lexicon of words and phrases per emotion."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum

from ...contract import Cause, Dialogue, Reading, SetupError, View
from ...contract.text import NEGATIONS, normalise_word, word_spans
from ..distribution import normalise
from ..protocol import SemDescription
from ..taxonomy import DATA, EMPATHETIC_DIALOGUES, Taxonomy
from ..validation import apply_views, require_known_emotions

MAX_PHRASE_WORDS = 4
"""Maximum number of words of a phrase."""
NEGATION_REACH = 3
"""Number of words after a negation that it negates."""
TURN_DECAY = 0.85
"""Factor of a word's weight per later turn."""
LISTENER_WEIGHT = 0.5
"""Weight of a listener's word relative to a speaker's."""
SHARPNESS = 3.5
"""Nats that one word of the last turn adds.

This, `TURN_DECAY`, `LISTENER_WEIGHT` and `SMOOTHING` have the highest likelihood of 36 combinations on 2,000
listener turns of EmpatheticDialogues' training split.
"""
SMOOTHING = 0.3
"""Share of the probability that is uniform over all labels."""

_NEGATIONS = NEGATIONS | set("nobody neither hardly barely".split())
_CONTRACTED = re.compile(r"n'?t$")
_CLAUSE_END = re.compile(r"[.,;:!?\n]|\bbut\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A word or phrase of a dialogue that is in the lexicon."""

    turn: int
    """Index of its turn."""
    start: int
    """First character in the turn's text."""
    end: int
    """One past the last character."""
    weights: Mapping[str, float]
    """Label -> evidence; negative if negated."""


class LexiconSem:
    """Predict emotion from single words and short phrases, without training or weights.

    Useful for a first version of a custom taxonomy, for tests, and as a member of an ensemble.

    Args:
        lexicon: Label -> words and phrases (of four words at most); `scare*` is a prefix of a
            word. Case does not matter. None means the lexicon for EmpatheticDialogues that comes with
            HEF, or for other labels the labels themselves and the taxonomy's synonyms.
        taxonomy: The labels of the readings.
        name: Name of the SEM.
        languages: Languages of the words, as ISO 639-1 codes.
        cause_limit: Maximum number of causes.

    Raises:
        SetupError: The lexicon is empty, has a label that is not in the taxonomy, or a phrase that is
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
        lexicon = _default_lexicon(taxonomy) if lexicon is None else lexicon
        if stray := sorted(set(lexicon) - set(taxonomy.labels)):
            raise SetupError(f"the lexicon has labels that taxonomy {taxonomy.name!r} lacks: {stray}")
        self._exact, self._stems = _index(lexicon)
        if not self._exact and not self._stems:
            raise SetupError("the lexicon is empty; give words for at least one label")
        self._stem_lengths = sorted(set(map(len, self._stems)), reverse=True)
        self._phrase_words: dict[str, int] = {}
        for phrase in self._exact:
            first, *others = phrase.split(" ")
            self._phrase_words[first] = max(1 + len(others), self._phrase_words.get(first, 0))
        self._cause_limit = cause_limit
        self._description = SemDescription(
            name=name, taxonomy=taxonomy, languages=tuple(languages), licence="Apache-2.0", source="word list"
        )

    @property
    def description(self) -> SemDescription:
        """Return the description of the SEM."""
        return self._description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading per dialogue: a smoothed softmax of the evidence of its words."""
        return [
            Reading(distribution=self._distribution(turns), sem=self._description.name, view=view)
            for view, turns in apply_views(dialogues, views)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the speaker's words that the lexicon lists for the emotion and that are not negated."""
        require_known_emotions(dialogues, emotions, self._description)
        return [self._causes(dialogue, emotion) for dialogue, emotion in zip(dialogues, emotions, strict=True)]

    def hits(self, dialogue: Dialogue) -> list[Hit]:
        """Return the lexicon's words and phrases of a dialogue, in the order of the text, with their evidence."""
        last = len(dialogue) - 1
        return [
            Hit(
                index,
                start,
                end,
                {label: value * _turn_weight(turn.role, last - index) for label, value in evidence.items()},
            )
            for index, turn in enumerate(dialogue)
            for start, end, evidence in self._find(turn.text)
        ]

    def _distribution(self, dialogue: Dialogue) -> dict[str, float]:
        labels = self._description.taxonomy.labels
        logs = dict.fromkeys(labels, 0.0)
        for hit in self.hits(dialogue):
            for label, weight in hit.weights.items():
                logs[label] += SHARPNESS * weight
        uniform = SMOOTHING / len(labels)
        return {label: uniform + (1 - SMOOTHING) * value for label, value in normalise(logs).items()}

    def _causes(self, dialogue: Dialogue, emotion: str) -> tuple[Cause, ...]:
        speaker_turns = {i for i, turn in enumerate(dialogue) if turn.role == "speaker"} or set(range(len(dialogue)))
        hits = [hit for hit in self.hits(dialogue) if hit.turn in speaker_turns and hit.weights.get(emotion, 0.0) > 0]
        total = fsum(hit.weights[emotion] for hit in hits)
        ranked = sorted(hits, key=lambda hit: (-hit.weights[emotion], hit.turn, hit.start))[: self._cause_limit]
        return tuple(
            Cause(
                text=dialogue[hit.turn].text[hit.start : hit.end],
                turn=hit.turn,
                start=hit.start,
                end=hit.end,
                weight=min(1.0, hit.weights[emotion] / total),
            )
            for hit in ranked
        )

    def _find(self, text: str) -> list[tuple[int, int, dict[str, float]]]:
        """Return (start, end, label -> evidence) of each known phrase of a text; longer phrases take precedence."""
        spans = word_spans(text)
        words = [normalise_word(text[start:end]) for start, end in spans]
        phrases: list[tuple[int, int, dict[str, float]]] = []
        at, negation = 0, -1
        while at < len(words):
            count, labels = self._longest(words, at)
            start, end = spans[at][0], spans[at + max(count, 1) - 1][1]
            if labels:
                is_negated = negation >= 0 and at - negation <= NEGATION_REACH
                is_negated = is_negated and not _CLAUSE_END.search(text, spans[negation][1], start)
                share = (-1 if is_negated else 1) / len(labels)
                phrases.append((start, end, dict.fromkeys(labels, share)))
            elif words[at] in _NEGATIONS or _CONTRACTED.search(words[at]):
                negation = at
            at += max(count, 1)
        return phrases

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, tuple[str, ...]]:
        """Return the length in words of the longest known phrase at a word, and its labels; 0 if there is none."""
        word = words[at]
        for count in range(min(self._phrase_words.get(word, 0), len(words) - at), 0, -1):
            if labels := self._exact.get(" ".join(words[at : at + count])):
                return count, labels
        for length in self._stem_lengths:
            if labels := self._stems.get(word[:length]):
                return 1, labels
        return 0, ()


def _turn_weight(role: str, later_turns: int) -> float:
    """Return the weight of a word by the role of its speaker and the number of later turns."""
    return float(TURN_DECAY**later_turns * (LISTENER_WEIGHT if role == "listener" else 1.0))


_Index = dict[str, tuple[str, ...]]


def _index(lexicon: Mapping[str, Sequence[str]]) -> tuple[_Index, _Index]:
    """Return phrase -> labels, and prefix of a word -> labels."""
    exact: dict[str, dict[str, None]] = defaultdict(dict)
    stems: dict[str, dict[str, None]] = defaultdict(dict)
    for label, phrases in lexicon.items():
        if isinstance(phrases, str):
            raise SetupError(f"the lexicon gives {label!r} a text; give a list of words")
        for phrase in phrases:
            stem = phrase.strip().endswith("*")
            words = [normalise_word(phrase[start:end]) for start, end in word_spans(phrase)]
            if not 1 <= len(words) <= (1 if stem else MAX_PHRASE_WORDS):
                raise SetupError(
                    f"the lexicon gives {label!r} the phrase {phrase!r}; give one to {MAX_PHRASE_WORDS} words, "
                    "or the prefix of one word before `*`"
                )
            (stems if stem else exact)[" ".join(words)][label] = None
    return {phrase: tuple(labels) for phrase, labels in exact.items()}, {
        stem: tuple(labels) for stem, labels in stems.items()
    }


def _default_lexicon(taxonomy: Taxonomy) -> Mapping[str, Sequence[str]]:
    if set(taxonomy.labels) == set(EMPATHETIC_DIALOGUES.labels):
        return _shipped_lexicon()
    lexicon = {label: [label] for label in taxonomy.labels}
    for word, label in taxonomy.synonyms.items():
        lexicon[label].append(word)
    return lexicon


@cache
def _shipped_lexicon() -> Mapping[str, Sequence[str]]:
    words: dict[str, list[str]] = json.loads((DATA / "empathetic_dialogues_words.json").read_text(encoding="utf-8"))
    return words
