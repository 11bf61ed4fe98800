"""A linear model that may raise the level that the rules give to a turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ..contract.numerics import softmax
from ..contract.safety import SafetyKind, SafetyLevel
from .risk_features import RiskEvidence, turn_features
from .tagged_text import Sentence
from .turn_reading import TurnReading

KINDS: tuple[SafetyKind, ...] = get_args(SafetyKind)[1:]
"""What a risk can be about, in the order of the model's columns after the levels."""
LEVEL_COLUMNS = 3
"""Columns of the levels: none, concern, danger."""
LONG_TURN = 4
"""Sentences from which on each two of a turn are also read by themselves, so that the rest does not drown them."""
MAX_WINDOWS = 20
"""Windows of a turn, about; with more sentences they are longer."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What the model reads in a turn."""

    level: SafetyLevel
    """The level that the probabilities stand for."""
    concern: float
    """Probability of concern or danger, 0 to 1."""
    danger: float
    """Probability of danger, 0 to 1."""
    kind: SafetyKind
    """What it is most likely about."""
    sentences: tuple[Sentence, ...]
    """The sentences that speak for it most."""
    is_harmless: bool = False
    """Whether a network, asked as well, is sure of no risk in the turn, and the linear model sees little danger."""


@dataclass(frozen=True, slots=True)
class RiskModel:
    """Weights of the features of a turn, and the probabilities from which on a level is raised."""

    weights: NDArray[np.float32]
    """Shape (buckets, levels and kinds)."""
    bias: NDArray[np.float32]
    """One for each column."""
    concern_from: float
    """Probability of concern or danger from which on a turn is a concern."""
    danger_from: float
    """Probability of danger from which on a turn is danger."""

    def read(self, evidence: RiskEvidence) -> Risk:
        """Return the risk of a turn: of the whole, or of the part of a long turn in which it is highest."""
        risks = [self._risk(evidence, None), *(self._risk(evidence, window) for window in _windows(evidence.reading))]
        return max(risks, key=lambda risk: (risk.danger, risk.concern))

    def _risk(self, evidence: RiskEvidence, window: tuple[Sentence, ...] | None) -> Risk:
        buckets, values = turn_features(evidence, window)
        scores = values @ self.weights[buckets] + self.bias
        none, _, danger = softmax(scores[:LEVEL_COLUMNS]).tolist()
        level: SafetyLevel = "none"
        if danger >= self.danger_from:
            level = "danger"
        elif 1 - none >= self.concern_from:
            level = "concern"
        return Risk(
            level, 1 - none, danger, KINDS[int(scores[LEVEL_COLUMNS:].argmax())], window or evidence.reading.sentences
        )


def _windows(reading: TurnReading) -> Iterator[tuple[Sentence, ...]]:
    """Yield of a long turn each two sentences, or a few, that follow one another."""
    count = len(reading.sentences)
    if count >= LONG_TURN:
        step = max(1, count // MAX_WINDOWS)
        for start in range(0, count - 1, step):
            yield reading.sentences[start : start + step + 1]


@lru_cache(maxsize=1)
def load_risk_model() -> RiskModel:
    """Return the model that ships."""
    with np.load(BytesIO(files("hef.safety").joinpath("risk_model.npz").read_bytes()), allow_pickle=False) as stored:
        weights = stored["weights"].astype(np.float32) * stored["scale"]
        concern_from, danger_from = stored["thresholds"].tolist()
        return RiskModel(weights, stored["bias"], concern_from, danger_from)
