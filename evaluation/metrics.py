"""Accuracy within the first k, likelihood, calibration error, and their intervals over conversations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
DRAWS = 1000
BINS = 15
CUTS = (1, 3, 5)
SHARE, DIFFERENCE, POSITIVE = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf)
"""What a figure can be."""
_TINY = 1e-9


class Estimate(BaseModel):
    """A figure and its 95% interval."""

    model_config = ConfigDict(frozen=True)

    value: float = Field(description="The figure on all samples")
    low: float = Field(description="2.5th percentile over resampled conversations, centred on the figure")
    high: float = Field(description="97.5th percentile")


def ranks(shares: Array, chosen: Indices, wanted: Indices) -> Indices:
    """Return for each row how many labels come before the wanted one, [samples].

    The chosen label comes first, the others by probability, and of equals the earlier one.

    Args:
        shares: Probabilities, [samples, labels].
        chosen: Index of the decided label, [samples].
        wanted: Index of the true label, [samples].
    """
    rows = np.arange(len(wanted))
    first = shares.copy()
    first[rows, chosen] = np.inf
    own = first[rows, wanted][:, None]
    earlier = np.arange(shares.shape[1])[None, :] < wanted[:, None]
    return np.asarray(((first > own) | ((first == own) & earlier)).sum(axis=1), dtype=np.int64)


def calibration_table(confidence: Array, correct: Array, bins: int = BINS) -> Array:
    """Return each sample's confidence minus correctness in its bin's column, [samples, bins].

    The absolute column sums over the sample count add up to the expected calibration error
    (Guo et al., ICML 2017, equation 5), on these samples or on any draw of them.

    Args:
        confidence: Probability of the decided label, [samples].
        correct: 1 where the first choice is right, [samples].
        bins: Equal-width bins of (0, 1].
    """
    table = np.zeros((len(confidence), bins))
    table[np.arange(len(confidence)), bin_of(confidence, bins)] = confidence - correct
    return table


def bin_of(confidence: Array, bins: int = BINS) -> Indices:
    """Return the index of each probability's bin, [samples]; a bound belongs to the bin below it."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def expected_calibration_error(confidence: Array, correct: Array, bins: int = BINS) -> float:
    """Return the expected calibration error, 0 is perfect."""
    return float(np.abs(calibration_table(confidence, correct, bins).sum(axis=0)).sum() / len(confidence))


def estimates(
    shares: Array, chosen: Indices, wanted: Indices, groups: Sequence[Hashable], seed: int = 0
) -> dict[str, Estimate]:
    """Return top-1, top-3, top-5 accuracy and calibration error with bootstrap intervals.

    Whole conversations are drawn with replacement, since the turns of one are not independent.

    Args:
        shares: Probabilities, [samples, labels].
        chosen: Index of the decided label, [samples].
        wanted: Index of the true label, [samples].
        groups: The conversation of each sample.
        seed: Of the draws.
    """
    place = ranks(shares, chosen, wanted)
    confidence = shares[np.arange(len(chosen)), chosen]
    hits = np.stack([place < k for k in CUTS], axis=1).astype(float)
    table = np.hstack([np.ones((len(wanted), 1)), hits, calibration_table(confidence, hits[:, 0])])
    figures = _figures(table.sum(axis=0)[None])[0]
    drawn = _figures(_redraw(_by_group(table, groups), seed))
    names = [*(f"top{k}" for k in CUTS), "ece"]
    return {name: _estimate(float(figures[i]), drawn[:, i]) for i, name in enumerate(names)}


def likelihood_estimate(shares: Array, wanted: Indices, groups: Sequence[Hashable], seed: int = 0) -> Estimate:
    """Return the mean negative log-probability of the true label in nats; one below 1e-9 counts as that."""
    own = shares[np.arange(len(wanted)), wanted]
    return mean_estimate(-np.log(np.maximum(own, _TINY)), groups, seed, POSITIVE)


def mean_estimate(
    values: Array,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    bounds: tuple[float, float] = SHARE,
) -> Estimate:
    """Return the mean of values, which lies within bounds, with its bootstrap interval over their groups."""
    return ratio_estimate(values, np.ones(len(values)), groups, seed, bounds)


def ratio_estimate(
    above: Array,
    below: Array,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    bounds: tuple[float, float] = POSITIVE,
) -> Estimate:
    """Return the sum of one figure over that of another, both taken on the same samples, with its interval.

    Both are drawn together, so what they have in common does not widen the interval.
    """
    table = np.stack([below, above], axis=1)
    drawn = _redraw(_by_group(table, groups or range(len(above))), seed)
    kept = drawn[drawn[:, 0] != 0]
    if not len(kept) or not below.sum():
        return Estimate(value=np.nan, low=np.nan, high=np.nan)
    return _estimate(float(above.sum() / below.sum()), kept[:, 1] / kept[:, 0], bounds)


def median_estimate(values: Array, seed: int = 0) -> Estimate:
    """Return the median of values with the percentiles of the medians of draws with replacement."""
    chance = np.random.default_rng(seed)
    medians = np.median(values[chance.integers(len(values), size=(DRAWS, len(values)))], axis=1)
    middle = float(np.median(values))
    low, high = np.percentile(medians, [2.5, 97.5])
    return Estimate(value=middle, low=float(min(low, middle)), high=float(max(high, middle)))


def resampled(
    table: Array,
    groups: Sequence[Hashable],
    figure: Callable[[Array], float],
    seed: int = 0,
    bounds: tuple[float, float] = POSITIVE,
) -> Estimate:
    """Return any figure of the column sums of a table, [samples, columns], with its interval over groups."""
    drawn = np.array([figure(sums) for sums in _redraw(_by_group(table, groups), seed)])
    return _estimate(figure(table.sum(axis=0)), drawn, bounds)


def _estimate(value: float, drawn: Array, bounds: tuple[float, float] = SHARE) -> Estimate:
    """Return a figure with the percentiles of its draws, moved so that their mean is the figure.

    The calibration error of a draw is larger on average than that of the samples; without the
    move its interval would lie beside the figure.
    """
    low, high = np.clip(np.percentile(drawn, [2.5, 97.5]) - drawn.mean() + value, *bounds)
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)))


def _figures(sums: Array) -> Array:
    """Return top-k accuracies and calibration error of each row of sums, [rows, 4]."""
    size, hits, gaps = sums[:, :1], sums[:, 1 : 1 + len(CUTS)], sums[:, 1 + len(CUTS) :]
    return np.hstack([hits / size, np.abs(gaps).sum(axis=1, keepdims=True) / size])


def _by_group(table: Array, groups: Sequence[Hashable]) -> Array:
    """Sum the rows of each group, [groups, columns]."""
    index = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(index), table.shape[1]))
    np.add.at(sums, [index[name] for name in groups], table)
    return sums


def _redraw(table: Array, seed: int) -> Array:
    """Return the column sums of `DRAWS` draws of rows with replacement, [draws, columns]."""
    chance = np.random.default_rng(seed)
    even = np.full(len(table), 1 / len(table))
    return np.stack([chance.multinomial(len(table), even) @ table for _ in range(DRAWS)])
