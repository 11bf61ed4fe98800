"""Probability calibration of a SEM: piecewise-linear temperature scaling, prediction sets and view weights.

All of it is fitted on data that the network was not trained on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...contract import View
from ...contract.numerics import Array, Indices, fit_conditional_logit, log_softmax, softmax

COVERAGES = (*(n / 100 for n in range(50, 90, 5)), *(n / 100 for n in range(90, 100)))
"""Coverages that prediction sets are fitted for."""
MIN_SLOPE = 0.05
"""Lower bound of a slope; a positive slope preserves the order of the labels."""
_SEGMENTS = 5
SECOND_VIEWS: tuple[View, ...] = ("speaker", "last_turn")
"""Views that a re-query reads after the whole dialogue."""
_VIEW_WEIGHTS = tuple(step / 20 for step in range(21))
"""Grid of view weights, from 0 to the weight of the first reading."""
_POWERS = tuple(step / 10 for step in range(7, 14))
"""Powers that pooled probabilities may be raised to, so that no weight is selected for its sharpness alone."""


class PredictionSets(BaseModel):
    """Thresholds on a label's probability, fitted by split conformal prediction.

    A label belongs to the set of a coverage if its probability reaches the threshold; the most
    probable label always does. Such sets are the smallest on average (least ambiguous set-valued
    classifier, Sadinle et al., JASA 2019). Contexts of one turn and longer ones have separate thresholds,
    so that the coverage holds for each kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverages: tuple[float, ...] = Field(
        min_length=1, description="Rates at which a set contains the true label, rising"
    )
    one_turn: tuple[float, ...] = Field(description="The threshold of each coverage for contexts of one turn")
    more_turns: tuple[float, ...] = Field(description="The same for longer contexts")

    @model_validator(mode="after")
    def _check_thresholds(self) -> PredictionSets:
        if not len(self.coverages) == len(self.one_turn) == len(self.more_turns):
            raise ValueError("each coverage needs one threshold for one turn and one for more")
        if list(self.coverages) != sorted(set(self.coverages)) or not 0 < self.coverages[0] <= self.coverages[-1] < 1:
            raise ValueError("the coverages must rise and lie between 0 and 1")
        return self

    def threshold(self, coverage: float, turns: int) -> float:
        """Return the lowest probability of a label in the set.

        Args:
            coverage: How often the set shall contain the true label, between 0 and 1; linear between
                the fitted rates, constant below the lowest of them.
            turns: Number of turns that were read.
        """
        thresholds = self.one_turn if turns == 1 else self.more_turns
        after = bisect_left(self.coverages, coverage)
        if after == 0:
            return thresholds[0]
        low, high = self.coverages[after - 1], (*self.coverages, 1.0)[after]
        fraction = min(1.0, (coverage - low) / (high - low))
        return thresholds[after - 1] * (1 - fraction) + (*thresholds, 0.0)[after] * fraction


@dataclass(frozen=True, slots=True)
class Calibration:
    """Piecewise-linear temperature scaling: an increasing map of a network's log-probabilities, renormalised.

    One slope for all is the temperature of Guo et al. (ICML 2017), 1 / slope. Several slopes treat the top and
    the tail differently: a network trained with soft or smoothed labels keeps too much probability in
    its tail, and a temperature that corrects for that is wrong at the top. The order of labels is preserved.
    """

    slopes: tuple[float, ...] = (1.0,)
    """One slope per nat below certainty, above 0: the first from log-probability 0 to -1, the last for all beyond."""

    def probabilities(self, logits: NDArray[np.floating]) -> Array:
        """Return calibrated probabilities, [samples, labels], from a network's logits."""
        scores = _piecewise_features(logits, len(self.slopes)) @ np.array(self.slopes)
        return softmax(scores)


def fit_calibration(logits: NDArray[np.floating], labels: Indices) -> Calibration:
    """Return the calibration with the least negative log-likelihood.

    The loss is convex in the slopes. A prior with the precision of one sample, centred on no calibration, bounds
    them on small data; its precision is raised until no slope would reverse the order of labels.

    Args:
        logits: Shape [samples, labels].
        labels: Label indices, shape [samples].
    """
    features, prior_precision = _piecewise_features(logits, _SEGMENTS), np.ones(_SEGMENTS)
    prior_mean = np.ones(_SEGMENTS)
    while (slopes := fit_conditional_logit(features, labels, prior_mean, prior_precision)).min() < MIN_SLOPE:
        prior_precision = prior_precision * 10
    return Calibration(tuple(float(slope) for slope in slopes))


def fit_prediction_sets(probabilities: Array, labels: Indices, turns: Sequence[int]) -> PredictionSets:
    """Return thresholds whose coverage holds on data of the same kind (split conformal prediction).

    Angelopoulos & Bates (2023), section 1. A sample's nonconformity score is 1 minus the true label's probability,
    and 0 where that label is the most probable one. The threshold of a coverage is 1 minus the
    ceil((n + 1) * coverage)-th smallest of n scores; where n is too small for it, the set holds all labels. Without
    a sample of one kind (one turn, several turns) its thresholds are those of all samples.

    Args:
        probabilities: Calibrated probabilities, [samples, labels]; not those of training data.
        labels: Label indices, [samples].
        turns: Number of turns of each context.
    """
    true = probabilities[np.arange(len(labels)), labels]
    scores = np.where(probabilities.argmax(axis=1) == labels, 0.0, 1 - true)
    is_single = np.asarray(turns) == 1
    kinds = [np.sort(scores[kind] if kind.any() else scores) for kind in (is_single, ~is_single)]
    one_turn, more_turns = (tuple(_threshold(kind, coverage) for coverage in COVERAGES) for kind in kinds)
    return PredictionSets(coverages=COVERAGES, one_turn=one_turn, more_turns=more_turns)


def fit_view_weight(first: Array, second: Array, labels: Indices) -> float:
    """Return the weight of a second view that maximises the likelihood of the log-linearly pooled readings.

    Args:
        first: Calibrated probabilities of the first reading, [samples, labels]; at least one sample.
        second: Those of another view, [samples, labels].
        labels: Index of each true label.
    """
    one, other = (np.log(np.maximum(probabilities, 1e-9)) for probabilities in (first, second))
    losses = {
        weight: min(_loss(power * (one + weight * other) / (1 + weight), labels) for power in _POWERS)
        for weight in _VIEW_WEIGHTS
    }
    return min(losses, key=lambda weight: losses[weight])


def _threshold(scores: Array, coverage: float) -> float:
    """Return the lowest probability that the conformal quantile of sorted scores admits, rounded down."""
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return float(np.floor((1 - scores[rank - 1]) * 1e6) / 1e6) if rank <= len(scores) else 0.0


def _piecewise_features(logits: NDArray[np.floating], count: int) -> Array:
    """Return the part of each log-probability in each segment of one nat, negative, [samples, labels, segments]."""
    depth = -log_softmax(logits)[..., None]
    return -np.clip(depth - np.arange(count), 0, np.append(np.ones(count - 1), np.inf))


def _loss(logits: Array, labels: Indices) -> float:
    """Return the mean negative log-probability of the true labels, in nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())
