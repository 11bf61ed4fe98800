"""Distributions over emotion labels: log-linear pooling and the primary emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, fsum, log

from ..contract.empathy import ranked_labels
from .runtime.calibration import PredictionSets

Distribution = Mapping[str, float]
_MIN_PROBABILITY = 1e-9


def normalise(logs: Mapping[str, float]) -> dict[str, float]:
    """Return the softmax of unnormalised log-probabilities; the result sums to 1."""
    top = max(logs.values())
    odds = {label: exp(value - top) for label, value in logs.items()}
    total = fsum(odds.values())
    return {label: value / total for label, value in odds.items()}


def log_probabilities(distribution: Distribution) -> dict[str, float]:
    """Return log-probabilities, with a floor so that none is minus infinity."""
    return {label: log(max(value, _MIN_PROBABILITY)) for label, value in distribution.items()}


def pool(parts: Sequence[tuple[Distribution, float]]) -> dict[str, float]:
    """Join distributions by log-linear pooling: the normalised product of each to the power of its weight.

    Args:
        parts: (distribution, weight) pairs over the same labels.
    """
    logs = [(log_probabilities(distribution), weight) for distribution, weight in parts]
    return normalise({label: fsum(weight * part[label] for part, weight in logs) for label in logs[0][0]})


def primary_emotions(
    distribution: Distribution, primary: int | float, sets: PredictionSets | None = None, turns: int = 1
) -> tuple[str, ...]:
    """Return the primary emotions, most probable first.

    Args:
        distribution: Calibrated probabilities.
        primary: From 1 on their number; below 1 the coverage, how often they shall contain the true emotion.
        sets: Fitted thresholds for a coverage; without them the fewest labels are returned whose
            probabilities add up to it.
        turns: Number of turns that were read.
    """
    ranked = ranked_labels(distribution)
    if primary >= 1:
        return tuple(ranked[: int(primary)])
    if sets:
        threshold = sets.threshold(primary, turns)
        return (ranked[0], *(label for label in ranked[1:] if distribution[label] >= threshold))
    cumulative = 0.0
    for count, label in enumerate(ranked, start=1):
        cumulative += distribution[label]
        if cumulative >= primary:
            return tuple(ranked[:count])
    return tuple(ranked)
