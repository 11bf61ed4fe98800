"""How much an LLM's answers in words say about the emotion, estimated without labels from the answers themselves.

An LLM that reads the person follows the SEM's calibrated probabilities, also where its answer is not the SEM's first
choice. One that does not read repeats a label, a place in the list that it was offered, or anything. Each answer is
taken to come from a reader with probability `reliability`, else from such a habit; expectation maximisation
(Dawid and Skene, 1979, with the SEM in place of further raters) finds the reliability that explains the answers best.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from ...contract.numerics import Array
from ...sem import Taxonomy

WINDOW = 256
"""How many of an LLM's newest answers count."""
_SHARPNESS = 2.0
"""Exponent of the SEM's probabilities in a reader's answers: a reader mostly names the likeliest emotion."""
_MISREADING = 0.15
"""Share of a reader's answers that follow the confusions of labels instead."""
_HABIT_RANKS = 5
"""How many ranks of the primary emotions an LLM may repeat by habit."""
_PRIOR_TURNS = 20.0
"""How many turns the taxonomy counts for among those that labels are found alike from."""
_PRIOR_SELF, _PRIOR_NEIGHBOURS = 0.5, 0.35
"""Prior probability that a label is answered by itself, and by one of its neighbours."""
_ITERATIONS = 5


@dataclass(frozen=True, slots=True)
class ReliabilityPrior:
    """What is held of an LLM before its first answer, as a beta distribution."""

    reliability: float
    """Expected share of a reader's answers, from 0 to 1."""
    answers: float
    """For how many answers it counts."""


UNKNOWN_LLM = ReliabilityPrior(0.5, 4.0)
"""Of an LLM that may be of any size."""
HOSTED_LLM = ReliabilityPrior(0.9, 50.0)
"""Of a hosted one: they read, and of what people leave unsaid the SEM reads too little to judge them by."""
TRUSTED_FROM = 0.8
"""Reliability from which on an LLM that was asked openly is not asked a second time."""


class LabelConfusion:
    """Which labels are taken for one another: those between which the SEM is torn, at first the taxonomy's neighbours.

    Args:
        taxonomy: The labels and their neighbours.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.labels = taxonomy.labels
        self._together = _PRIOR_TURNS / len(self.labels) * _prior_confusion(taxonomy)
        """How often two labels are felt in one turn by the SEM's probabilities, [labels, labels]."""
        self._lock = Lock()

    def observe(self, distribution: Mapping[str, float]) -> None:
        """Learn from the SEM's probabilities for a turn."""
        probabilities = _probabilities(distribution, self.labels)
        with self._lock:
            self._together = self._together + np.outer(probabilities, probabilities)

    def answer_probabilities(self, answer: int) -> Array:
        """Return the probability that a reader answers with a label for each emotion that may be felt, [labels].

        Args:
            answer: Index of the label.
        """
        together = self._together
        return np.asarray(together[answer] / together.sum(axis=0))


class LlmReliability:
    """Estimates the reliability of one LLM that answers in words beside one SEM; safe to use from several threads.

    Nothing of a dialogue is kept, only probabilities and labels of the newest answers.

    Args:
        confusion: Which labels are taken for one another.
        prior: What is held of the LLM before its first answer.
    """

    def __init__(self, confusion: LabelConfusion, prior: ReliabilityPrior = UNKNOWN_LLM) -> None:
        self._confusion = confusion
        self._prior = prior
        self._labels = confusion.labels
        self._index = {label: index for index, label in enumerate(self._labels)}
        count = len(self._labels)
        self._answered = np.full(count, 1 / count)
        self._reader_likelihoods: deque[float] = deque(maxlen=WINDOW)
        self._habit_likelihoods: deque[Array] = deque(maxlen=WINDOW)
        self._reliability = prior.reliability
        self._habits = np.full(3 + _HABIT_RANKS, 1 / (3 + _HABIT_RANKS))
        """Share of each habit, [habits]: any label, a favourite, any primary emotion, each rank among them."""
        self._lock = Lock()

    @property
    def reliability(self) -> float:
        """Probability that an answer is a reader's, from 0 to 1."""
        with self._lock:
            return self._reliability

    def likelihoods(self, answer: str, primary: Sequence[str]) -> dict[str, float]:
        """Return the probability of an answer for each emotion that the person may feel.

        Args:
            answer: The label that the LLM named.
            primary: The primary emotions, in the order in which an LLM is shown them.
        """
        with self._lock:
            row = self._index[answer]
            habit = float(self._habits @ self._habit_row(row, primary))
            reader = self._confusion.answer_probabilities(row)
            values = self._reliability * reader + (1 - self._reliability) * habit
        return dict(zip(self._labels, values.tolist(), strict=True))

    def observe(self, answer: str, distribution: Mapping[str, float], primary: Sequence[str]) -> None:
        """Learn from an answer.

        Args:
            answer: The label that the LLM named.
            distribution: The SEM's probabilities for that turn.
            primary: The primary emotions.
        """
        probabilities = _probabilities(distribution, self._labels)
        sharpened = probabilities**_SHARPNESS
        with self._lock:
            row = self._index[answer]
            misread = float(self._confusion.answer_probabilities(row) @ probabilities)
            own = float(sharpened[row] / sharpened.sum())
            self._reader_likelihoods.append((1 - _MISREADING) * own + _MISREADING * misread)
            self._habit_likelihoods.append(self._habit_row(row, primary))
            self._answered[row] += 1
            self._maximise()

    def _habit_row(self, answer: int, primary: Sequence[str]) -> Array:
        """Return the probability of an answer by each habit, [habits]."""
        primary_rows = [self._index[label] for label in primary]
        is_offered = answer in primary_rows
        row = np.zeros_like(self._habits)
        any_primary = is_offered / max(len(primary_rows), 1)
        row[:3] = 1 / len(self._labels), self._answered[answer] / self._answered.sum(), any_primary
        if is_offered and (rank := primary_rows.index(answer)) < _HABIT_RANKS:
            row[3 + rank] = 1.0
        return row

    def _maximise(self) -> None:
        """Improve reliability and habits by some iterations of expectation maximisation."""
        reader, habits = np.array(self._reader_likelihoods), np.array(self._habit_likelihoods)
        imagined, count = self._prior.answers, len(reader)
        for _ in range(_ITERATIONS):
            by_reader = self._reliability * reader
            by_habit = (1 - self._reliability) * habits * self._habits
            total = by_reader + by_habit.sum(axis=1)
            read = (by_reader / total).sum() + self._prior.reliability * imagined
            self._reliability = float((read - 1) / (count + imagined - 2))
            shares = (by_habit / total[:, None]).sum(axis=0) + 0.5
            self._habits = shares / shares.sum()


def _probabilities(distribution: Mapping[str, float], labels: Sequence[str]) -> Array:
    """Return the SEM's probabilities, [labels], which sum to 1.

    Those of a reading that was edited may not; as they stand, one turn would count for any number of others.
    """
    values = np.array([distribution[label] for label in labels])
    values = values / values.max()
    return np.asarray(values / values.sum())


def _prior_confusion(taxonomy: Taxonomy) -> Array:
    """Return how often labels are taken for one another, [labels, labels], symmetric; columns sum to about 1.

    What neither the label itself nor its neighbours get falls on all labels alike.
    """
    labels = taxonomy.labels
    matrix = np.full((len(labels), len(labels)), (1 - _PRIOR_SELF - _PRIOR_NEIGHBOURS) / len(labels))
    for column, label in enumerate(labels):
        neighbours = taxonomy.neighbours.get(label, ())
        matrix[column, column] += _PRIOR_SELF if neighbours else _PRIOR_SELF + _PRIOR_NEIGHBOURS
        for neighbour in neighbours:
            matrix[labels.index(neighbour), column] += _PRIOR_NEIGHBOURS / len(neighbours)
    return np.asarray((matrix + matrix.T) / 2)
