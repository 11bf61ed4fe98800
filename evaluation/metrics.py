"""Top-k accuracy, likelihood and calibration error, with bootstrap intervals over clusters of samples."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..contract.numerics import Array, Indices

DRAWS = 1000
BINS = 15
CUTS = (1, 3, 5)
PROPORTION, DIFFERENCE, POSITIVE, UNBOUNDED = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)
"""Bounds of statistics and their intervals."""
_MIN_PROBABILITY = 1e-9
_DRAWS_AT_ONCE = 50
"""Resamples of which the counts are held in full width."""


class Estimate(BaseModel, frozen=True):
    """A statistic and its 95% interval."""

    value: float = Field(description="The statistic on all samples")
    low: float = Field(description="2.5th percentile over resampled conversations, centred on the statistic")
    high: float = Field(description="97.5th percentile")

    def percent(self) -> str:
        """Return a proportion in percent with half the width of its interval: `56.2% ±1.8`."""
        return f"{self.value:.1%} ±{50 * (self.high - self.low):.1f}"

    def number(self, digits: int) -> str:
        """Return the value with half the width of its interval: `2.41 ±0.08`."""
        return f"{self.value:.{digits}f} ±{(self.high - self.low) / 2:.{digits}f}"

    def difference(self, digits: int = 1, scale: float = 100) -> str:
        """Return a difference, by default in percentage points, with its interval: `+1.6 (+0.8 to +2.5)`."""
        value, low, high = (f"{scale * bound:+z.{digits}f}" for bound in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


def ranks(probabilities: Array, predicted: Indices, labels: Indices) -> Indices:
    """Return for each sample how many labels rank before the true one, [samples].

    The predicted label ranks first, the others by probability, and of equals the earlier one.

    Args:
        probabilities: Shape [samples, labels].
        predicted: Index of the decided label, [samples]; not always the most probable one.
        labels: Index of the true label, [samples].
    """
    rows = np.arange(len(labels))
    scores = probabilities.copy()
    scores[rows, predicted] = np.inf
    true_scores = scores[rows, labels][:, None]
    earlier = np.arange(probabilities.shape[1])[None, :] < labels[:, None]
    return np.asarray(((scores > true_scores) | ((scores == true_scores) & earlier)).sum(axis=1), dtype=np.int64)


def calibration_table(confidence: Array, correct: Array, bins: int = BINS) -> Array:
    """Return each sample's confidence minus correctness in the column of its bin, [samples, bins].

    The absolute column sums over the sample count add up to the expected calibration error
    (Guo et al., ICML 2017, equation 5), on these samples or on any resample of them.

    Args:
        confidence: Probability of the decided label, [samples].
        correct: 1 where the decision is right, [samples].
        bins: Number of equal-width bins of (0, 1].
    """
    table = np.zeros((len(confidence), bins))
    table[np.arange(len(confidence)), bin_indices(confidence, bins)] = confidence - correct
    return table


def bin_indices(confidence: Array, bins: int = BINS) -> Indices:
    """Return the index of each probability's bin, [samples]; a bound belongs to the bin below it."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def expected_calibration_error(confidence: Array, correct: Array, bins: int = BINS) -> float:
    """Return the expected calibration error, 0 is perfect."""
    return float(np.abs(calibration_table(confidence, correct, bins).sum(axis=0)).sum() / len(confidence))


def accuracy_estimates(
    probabilities: Array, predicted: Indices, labels: Indices, clusters: Sequence[Hashable], seed: int = 0
) -> dict[str, Estimate]:
    """Return top-1, top-3, top-5 accuracy and expected calibration error with bootstrap intervals.

    The clusters are conversations, which are resampled with replacement, since the turns of a conversation are not
    independent. The other arguments are those of `ranks`.
    """
    rank = ranks(probabilities, predicted, labels)
    confidence = probabilities[np.arange(len(predicted)), predicted]
    hits = np.stack([rank < k for k in CUTS], axis=1).astype(float)
    table = np.hstack([np.ones((len(labels), 1)), hits, calibration_table(confidence, hits[:, 0])])
    values = _accuracies(table.sum(axis=0)[None])[0]
    resampled = _accuracies(_resample(_sum_clusters(table, clusters), seed))
    names = [*(f"top{k}" for k in CUTS), "ece"]
    return {name: _centred_interval(float(values[i]), resampled[:, i]) for i, name in enumerate(names)}


def likelihood_estimate(probabilities: Array, labels: Indices, clusters: Sequence[Hashable], seed: int = 0) -> Estimate:
    """Return the mean negative log-probability of the true label in nats; probabilities below 1e-9 count as that."""
    true_probabilities = probabilities[np.arange(len(labels)), labels]
    return mean_estimate(-np.log(np.maximum(true_probabilities, _MIN_PROBABILITY)), clusters, seed, POSITIVE)


def mean_estimate(
    values: Array,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    bounds: tuple[float, float] = PROPORTION,
) -> Estimate:
    """Return the mean of values, which is within bounds, with its bootstrap interval over clusters."""
    return ratio_estimate(values, np.ones(len(values)), clusters, seed, bounds)


def ratio_estimate(
    numerators: Array,
    denominators: Array,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    bounds: tuple[float, float] = POSITIVE,
) -> Estimate:
    """Return the ratio of two sums over the same samples with its interval; NaN where the denominators sum to 0.

    Both are resampled together, so what they have in common does not widen the interval.
    """
    table = np.stack([denominators, numerators], axis=1)
    sums = _resample(_sum_clusters(table, clusters or range(len(numerators))), seed)
    sums = sums[sums[:, 0] != 0]
    if not len(sums) or not denominators.sum():
        return Estimate(value=np.nan, low=np.nan, high=np.nan)
    return _centred_interval(float(numerators.sum() / denominators.sum()), sums[:, 1] / sums[:, 0], bounds)


def median_estimate(values: Array, seed: int = 0) -> Estimate:
    """Return the median of values with the percentiles of the medians of resamples with replacement."""
    rng = np.random.default_rng(seed)
    medians = np.median(values[rng.integers(len(values), size=(DRAWS, len(values)))], axis=1)
    value = float(np.median(values))
    low, high = np.percentile(medians, [2.5, 97.5])
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)))


def statistic_estimate(
    table: Array,
    clusters: Sequence[Hashable],
    statistic: Callable[[Array], float],
    seed: int = 0,
    bounds: tuple[float, float] = POSITIVE,
) -> Estimate:
    """Return any statistic of the column sums of a table, [samples, columns], with its interval over clusters."""
    resampled = np.array([statistic(sums) for sums in _resample(_sum_clusters(table, clusters), seed)])
    return _centred_interval(statistic(table.sum(axis=0)), resampled, bounds)


def _centred_interval(value: float, resampled: Array, bounds: tuple[float, float] = PROPORTION) -> Estimate:
    """Return a statistic with the percentiles of its resamples, shifted so that their mean is the statistic.

    The calibration error of a resample is larger on average than that of the samples; without the
    shift its interval would not contain the statistic.
    """
    low, high = np.clip(np.percentile(resampled, [2.5, 97.5]) - resampled.mean() + value, *bounds)
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)))


def _accuracies(sums: Array) -> Array:
    """Return top-k accuracies and calibration error of each row of sums, [rows, 4]."""
    size, hits, gaps = sums[:, :1], sums[:, 1 : 1 + len(CUTS)], sums[:, 1 + len(CUTS) :]
    return np.hstack([hits / size, np.abs(gaps).sum(axis=1, keepdims=True) / size])


def _sum_clusters(table: Array, clusters: Sequence[Hashable]) -> Array:
    """Sum the rows of each cluster, [clusters, columns]."""
    index = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(index), table.shape[1]))
    np.add.at(sums, [index[name] for name in clusters], table)
    return sums


def _resample(table: Array, seed: int) -> Array:
    """Return the column sums of `DRAWS` resamples of rows with replacement, [draws, columns]."""
    counts = _draw_counts(len(table), seed)
    parts = range(0, DRAWS, _DRAWS_AT_ONCE)
    return np.concatenate([counts[part : part + _DRAWS_AT_ONCE].astype(np.float64) @ table for part in parts])


@lru_cache(maxsize=2)
def _draw_counts(rows: int, seed: int) -> NDArray[np.uint16]:
    """Return how often each of `DRAWS` resamples holds each row, [draws, rows]; a report asks many times for the same.

    Drawing takes most of the time.
    """
    rng = np.random.default_rng(seed)
    weights = np.full(rows, 1 / rows)
    parts = [min(_DRAWS_AT_ONCE, DRAWS - part) for part in range(0, DRAWS, _DRAWS_AT_ONCE)]
    return np.concatenate([rng.multinomial(rows, weights, draws).astype(np.uint16) for draws in parts])
