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
LEAST = 0.05
"""The least slope: the order of labels stays."""
_STRETCHES = 5
_ENOUGH = 1e-9
"""Newton's method ends when it gains less, in nats a sample."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising piecewise linear map of a network's log-probabilities, normalised again.

    One slope for all is the temperature of Guo et al. (ICML 2017), 1 / slope. More bend the top and
    the tail apart: a network trained with soft or smoothed labels keeps too much probability in
    its tail, and a temperature that makes up for that is wrong at the top. The order of labels stays.
    """

    slopes: tuple[float, ...] = (1.0,)
    """One a nat below certainty, above 0: the first from log-probability 0 to -1, the last for all beyond."""

    def shares(self, logits: NDArray[np.floating]) -> Array:
        """Return calibrated probabilities, [samples, labels], from a network's logits."""
        scores = _piecewise_features(logits, len(self.slopes)) @ np.array(self.slopes)
        return np.asarray(np.exp(_log_softmax(scores)))


def fit_calibration(logits: NDArray[np.floating], wanted: Indices) -> Calibration:
    """Return the calibration with the least negative log-likelihood.

    The loss is convex in the slopes, and Newton's method finds its minimum. One sample's worth of a
    pull towards no calibration keeps it in bounds on small data; a stronger one, where a slope
    would turn the order of labels around.

    Args:
        logits: Shape [samples, labels].
        wanted: Label indices, shape [samples].
    """
    features, pull = _piecewise_features(logits, _STRETCHES), 1.0
    while (slopes := _newton(features, wanted, pull)).min() < LEAST:
        pull *= 10
    return Calibration(tuple(float(slope) for slope in slopes))


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


def _piecewise_features(logits: NDArray[np.floating], count: int) -> Array:
    """Return how much of each log-probability lies in each stretch of a nat, negative, [samples, labels, stretches]."""
    depth = -_log_softmax(np.asarray(logits, dtype=np.float64))[..., None]
    return -np.clip(depth - np.arange(count), 0, np.append(np.ones(count - 1), np.inf))


def _newton(features: Array, wanted: Indices, pull: float) -> Array:
    """Return the weights of the most likely log-linear model over features [samples, labels, weights], pulled to 1."""
    own = features[np.arange(len(wanted)), wanted]

    def loss(weights: Array) -> float:
        scores = features @ weights
        top = scores.max(axis=1)
        total = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
        return float((total - own @ weights).sum() + pull * ((weights - 1) ** 2).sum() / 2)

    weights = np.ones(features.shape[2])
    for _ in range(50):
        shares = np.exp(_log_softmax(features @ weights))
        mean = np.einsum("nl,nlw->nw", shares, features)
        spread = np.einsum("nl,nlw,nlv->wv", shares, features, features) - mean.T @ mean
        gradient = (mean - own).sum(axis=0) + pull * (weights - 1)
        step = np.linalg.solve(spread + pull * np.eye(len(weights)), gradient)
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
