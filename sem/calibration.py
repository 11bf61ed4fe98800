"""Calibration: what makes a network's probabilities come true as often as they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prediction_sets import PredictionSets

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
COVERAGES = (*(n / 100 for n in range(50, 90, 5)), *(n / 100 for n in range(90, 100)))
"""Rates that prediction sets are fitted for."""
_TINY = 1e-30
_ENOUGH = 1e-9
"""Newton's method ends when it gains less, in nats a sample."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two numbers between a network's log-probabilities l and what it says: l / temperature - curve * l².

    The temperature is that of Guo et al. (ICML 2017). A network trained with label smoothing keeps
    too much probability in the tail and, once a temperature has made up for that, too much at the
    top; the curve bends the tail alone. The order of the labels stays.
    """

    temperature: float = 1.0
    """Divides the log-probabilities; above 0."""
    curve: float = 0.0
    """How much faster improbable labels fall; 0 or more."""

    def shares(self, logits: NDArray[np.floating]) -> Array:
        """Return calibrated probabilities, [samples, labels], from a network's logits."""
        logs = _log_softmax(np.asarray(logits, dtype=np.float64))
        return np.asarray(np.exp(_log_softmax(logs / self.temperature - self.curve * logs**2)))

    def logits(self, shares: Array) -> Array:
        """Return the network's log-probabilities, [samples, labels], from calibrated probabilities.

        The inverse of `shares`: whatever folder a reading comes from, it can be calibrated anew.
        """
        bent = np.log(np.maximum(shares, _TINY))
        if not self.curve:
            return _log_softmax(bent * self.temperature)
        # What normalised each row is unknown; the right one makes the probabilities sum to 1.
        low, high = np.zeros((len(bent), 1)), np.full((len(bent), 1), -10 * np.log(_TINY))
        top = bent.max(axis=1, keepdims=True)
        for _ in range(100):
            middle = (low + high) / 2
            much = np.exp(self._unbent(bent - top - middle)).sum(axis=1, keepdims=True) > 1
            low, high = np.where(much, middle, low), np.where(much, high, middle)
        return _log_softmax(self._unbent(bent - top - high))

    def _unbent(self, values: Array) -> Array:
        slope = 1 / self.temperature
        return np.asarray((slope - np.sqrt(slope**2 - 4 * self.curve * values)) / (2 * self.curve))


def fit_calibration(logits: NDArray[np.floating], wanted: Indices) -> Calibration:
    """Return the calibration with the least negative log-likelihood.

    The loss is convex in (1 / temperature, curve), and Newton's method finds its minimum. One
    sample's worth of a pull towards no calibration keeps it in bounds on small data.

    Args:
        logits: Shape [samples, labels].
        wanted: Label indices, shape [samples].
    """
    logs = _log_softmax(np.asarray(logits, dtype=np.float64))
    slope, curve = _newton(np.stack([logs, -(logs**2)], axis=2), wanted, np.array([1.0, 0.0]))
    if slope < 0.05 or curve < 0:
        return Calibration(fit_temperature(logs, wanted))
    return Calibration(float(1 / slope), float(curve))


def fit_temperature(logits: NDArray[np.floating], wanted: Indices) -> float:
    """Return the temperature that minimises the negative log-likelihood (Guo et al., ICML 2017).

    Args:
        logits: Shape [samples, labels].
        wanted: Label indices, shape [samples].
    """
    rows = np.arange(len(wanted))
    grid = np.geomspace(0.25, 4.0, 401)
    losses = [-float(_log_softmax(logits / temperature)[rows, wanted].mean()) for temperature in grid]
    return float(grid[int(np.argmin(losses))])


def fit_prediction_sets(shares: Array, wanted: Indices, turns: Sequence[int]) -> PredictionSets:
    """Return thresholds that hold their coverage on data of the same kind (split conformal prediction).

    A sample's nonconformity is 1 minus the true label's probability, and 0 where that label is the
    most probable one. The threshold of a coverage is 1 minus the ceil((n + 1) * coverage)-th
    smallest of n; where n is too small for it, the set holds all labels. Without a sample of one
    kind its thresholds are those of all.

    Args:
        shares: Calibrated probabilities, [samples, labels]; not those of training data.
        wanted: Label indices, [samples].
        turns: How many turns each context has.
    """
    own = shares[np.arange(len(wanted)), wanted]
    strange = np.where(shares.argmax(axis=1) == wanted, 0.0, 1 - own)
    single = np.asarray(turns) == 1
    kinds = [strange[kind] if kind.any() else strange for kind in (single, ~single)]
    one_turn, more_turns = (tuple(_threshold(np.sort(held), rate) for rate in COVERAGES) for held in kinds)
    return PredictionSets(coverages=COVERAGES, one_turn=one_turn, more_turns=more_turns)


def _threshold(strange: Array, coverage: float) -> float:
    """Return the least probability that the conformal quantile lets in, rounded down."""
    place = int(np.ceil((len(strange) + 1) * coverage - 1e-9))
    return float(np.floor((1 - strange[place - 1]) * 1e6) / 1e6) if place <= len(strange) else 0.0


def _newton(features: Array, wanted: Indices, start: Array) -> Array:
    """Return the weights of the most likely log-linear model over features [samples, labels, weights]."""
    own = features[np.arange(len(wanted)), wanted]

    def loss(weights: Array) -> float:
        scores = features @ weights
        top = scores.max(axis=1)
        total = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
        return float((total - own @ weights).sum() + ((weights - start) ** 2).sum() / 2)

    weights = start
    for _ in range(50):
        shares = np.exp(_log_softmax(features @ weights))
        mean = np.einsum("nl,nlw->nw", shares, features)
        spread = np.einsum("nl,nlw,nlv->wv", shares, features, features) - mean.T @ mean
        step = np.linalg.solve(spread + np.eye(len(start)), (mean - own).sum(axis=0) + weights - start)
        before = loss(weights)
        while loss(weights - step) > before and np.abs(step).max() > _ENOUGH:
            step = step / 2
        weights = weights - step
        if before - loss(weights) <= _ENOUGH * len(wanted):
            break
    return weights


def _log_softmax(logits: NDArray[np.floating]) -> Array:
    moved = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)), dtype=np.float64)
