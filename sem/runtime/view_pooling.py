"""How much a second look at a dialogue counts beside the first."""

from __future__ import annotations

import numpy as np

from ...contract import View
from .calibration import Array, Indices

SECOND_VIEWS: tuple[View, ...] = ("speaker", "last_turn")
"""What is looked at after the whole dialogue."""
WEIGHTS = tuple(step / 20 for step in range(21))
"""What is tried, from nothing to as much as the first look."""
SHARPNESS = tuple(step / 10 for step in range(7, 14))
"""Powers that the pooled probabilities may be raised to, so that a weight is not chosen for being bold."""


def fit_view_weight(first: Array, again: Array, wanted: Indices) -> float:
    """Return the weight of a second look at which both looks, pooled log-linearly, make the true labels likeliest.

    Args:
        first: Calibrated probabilities at the first look, [samples, labels]; at least one sample.
        again: Those of another view, [samples, labels].
        wanted: Index of each true label.
    """
    one, other = (np.log(np.maximum(shares, 1e-9)) for shares in (first, again))
    losses = {weight: min(_loss(power * (one + weight * other) / (1 + weight), wanted) for power in SHARPNESS)
              for weight in WEIGHTS}  # fmt: skip
    return min(losses, key=lambda weight: losses[weight])


def _loss(logs: Array, wanted: Indices) -> float:
    """Return the mean negative log-probability of the true labels, in nats."""
    top = logs.max(axis=1, keepdims=True)
    spread = np.log(np.exp(logs - top).sum(axis=1)) + top[:, 0]
    return float((spread - logs[np.arange(len(wanted)), wanted]).mean())
