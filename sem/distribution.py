"""Distributions over emotion labels: averaging, pooling, and the primary emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, fsum, isfinite, log

from ..contract import ModelError, Reading
from .runtime.prediction_sets import PredictionSets

Distribution = Mapping[str, float]
_TINY = 1e-9


def normalise(logs: Mapping[str, float]) -> dict[str, float]:
    """Return probabilities from unnormalised log-probabilities; they sum to 1."""
    top = max(logs.values())
    raised = {label: exp(value - top) for label, value in logs.items()}
    total = fsum(raised.values())
    return {label: value / total for label, value in raised.items()}


def logs_of(distribution: Distribution) -> dict[str, float]:
    """Return log-probabilities, with a floor so that none is minus infinity."""
    return {label: log(max(value, _TINY)) for label, value in distribution.items()}


def pool(parts: Sequence[tuple[Distribution, float]]) -> dict[str, float]:
    """Join distributions by log-linear pooling: the product of each to the power of its weight.

    Args:
        parts: (distribution, weight) pairs over the same labels.
    """
    logs = [(logs_of(distribution), weight) for distribution, weight in parts]
    return normalise({label: fsum(weight * part[label] for part, weight in logs) for label in logs[0][0]})


def primary_emotions(
    distribution: Distribution, primary: int | float, sets: PredictionSets | None = None, turns: int = 1
) -> tuple[str, ...]:
    """Return the primary emotions, most probable first.

    Args:
        distribution: Calibrated probabilities.
        primary: From 1 on how many; below 1 how often they shall hold the true emotion.
        sets: Fitted thresholds for the latter; without them the fewest are taken whose
            probabilities add up to it.
        turns: How many turns were read.
    """
    ranked = sorted(distribution, key=lambda label: (-distribution[label], label))
    if primary >= 1:
        return tuple(ranked[: int(primary)])
    if sets:
        least = sets.threshold(primary, turns)
        return (ranked[0], *(label for label in ranked[1:] if distribution[label] >= least))
    held = 0.0
    for count, label in enumerate(ranked, start=1):
        held += distribution[label]
        if held >= primary:
            return tuple(ranked[:count])
    return tuple(ranked)


def check_reading(reading: Reading, labels: Sequence[str], sem: str) -> Reading:
    """Return a reading whose distribution is one over the labels.

    Raises:
        ModelError: It names other labels, holds what is not a probability, or does not sum to 1.
    """
    held = reading.distribution
    if set(held) != set(labels):
        raise ModelError(f"SEM {sem!r} returned other labels than its taxonomy's")
    if not all(isfinite(value) and -1e-6 <= value <= 1 + 1e-6 for value in held.values()):
        raise ModelError(f"SEM {sem!r} returned something that is not a probability")
    if abs(fsum(held.values()) - 1) > 1e-3:
        raise ModelError(f"SEM {sem!r} returned a distribution that sums to {fsum(held.values()):.3f}, not 1")
    return reading
