"""Which emotion is read for which: counts, and precision, recall and F1 of each label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..metrics import Indices


class LabelFigures(BaseModel):
    """How well one emotion is read."""

    model_config = ConfigDict(frozen=True)

    precision: float = Field(description="How often it is true where it is read; 0 where it is never read")
    recall: float = Field(description="How often it is read where it is true; 0 where it is never true")
    f1: float = Field(description="Harmonic mean of both")
    samples: int = Field(description="How often it is true")


class Confusion(BaseModel):
    """How often each emotion was read for each."""

    model_config = ConfigDict(frozen=True)

    labels: tuple[str, ...] = Field(description="The emotions, in the order of rows and columns")
    counts: tuple[tuple[int, ...], ...] = Field(description="A row a true emotion, a column a read one")

    @classmethod
    def of(cls, chosen: Indices, wanted: Indices, labels: Sequence[str]) -> Confusion:
        """Count the pairs of read and true label, given as indices of shape [samples]."""
        counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
        np.add.at(counts, (wanted, chosen), 1)
        return cls(labels=tuple(labels), counts=tuple(tuple(int(count) for count in row) for row in counts))

    @property
    def by_emotion(self) -> dict[str, LabelFigures]:
        """Figures of each label."""
        counts = np.array(self.counts, dtype=float)
        right, true, read = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        precision, recall = right / np.maximum(read, 1), right / np.maximum(true, 1)
        f1 = 2 * right / np.maximum(true + read, 1)
        return {
            label: LabelFigures(
                precision=float(precision[i]), recall=float(recall[i]), f1=float(f1[i]), samples=int(true[i])
            )
            for i, label in enumerate(self.labels)
        }

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts with each row scaled to sum to 1, [true, read]; a row without samples is 0."""
        counts = np.array(self.counts, dtype=np.float64)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    def by_similarity(self) -> list[int]:
        """Return an order of the labels in which those stand together that are taken for one another.

        The groups that are confused most, on average over their pairs, are joined first, and turned
        so that the labels where they meet are alike.
        """
        alike = self.shares + self.shares.T
        chains = [[place] for place in range(len(alike))]
        while len(chains) > 1:
            pairs = list(combinations(range(len(chains)), 2))
            one, other = max(pairs, key=lambda pair: float(alike[np.ix_(chains[pair[0]], chains[pair[1]])].mean()))
            turned = product(*((chains[place], chains[place][::-1]) for place in (one, other)))
            left, right = max(turned, key=lambda ends: float(alike[ends[0][-1], ends[1][0]]))
            chains = [chain for place, chain in enumerate(chains) if place not in (one, other)] + [left + right]
        return chains[0]
