"""Softmax and the conditional logit model, for calibration, pooling and label scores.

Not imported by `hef.contract` itself: NumPy is loaded only where it is needed.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

_MAX_STEPS = 50
_TOLERANCE = 1e-8
"""Newton's method ends when no coefficient moves further."""


def log_softmax(logits: NDArray[np.floating]) -> Array:
    """Return log-probabilities over the last axis, in float64."""
    scores = np.asarray(logits, dtype=np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: NDArray[np.floating]) -> Array:
    """Return probabilities over the last axis, in float64."""
    return np.asarray(np.exp(log_softmax(logits)))


def fit_conditional_logit(features: Array, labels: Indices, prior_mean: Array, prior_precision: Array) -> Array:
    """Return the maximum a posteriori coefficients of a conditional logit (McFadden, 1974).

    The log-probability of an alternative is the log-softmax of `features @ coefficients`; the coefficients have a
    normal prior. The negative log-posterior is convex: Newton's method with step halving finds its minimum.

    Args:
        features: Features of each alternative, [samples, alternatives, coefficients].
        labels: Index of the true alternative, [samples].
        prior_mean: The coefficients without data, [coefficients].
        prior_precision: 1 / variance of each coefficient's prior, [coefficients]; 0 is a flat prior.
    """
    rows = np.arange(len(labels))
    true = features[rows, labels]

    def loss(coefficients: Array, logs: Array) -> float:
        likelihood = logs[rows, labels].sum()
        return float((prior_precision * (coefficients - prior_mean) ** 2).sum() / 2 - likelihood)

    coefficients = np.array(prior_mean, dtype=np.float64)
    logs = log_softmax(features @ coefficients)
    for _ in range(_MAX_STEPS):
        weighted = np.exp(logs)[:, :, None] * features
        expected = weighted.sum(axis=1)
        gradient = (expected - true).sum(axis=0) + prior_precision * (coefficients - prior_mean)
        second_moment = np.tensordot(weighted, features, axes=([0, 1], [0, 1]))
        hessian = second_moment - expected.T @ expected + np.diag(prior_precision)
        step = np.linalg.solve(hessian, gradient)
        before = loss(coefficients, logs)
        rounding = 1e-12 * abs(before)
        while True:
            moved = coefficients - step
            logs = log_softmax(features @ moved)
            if loss(moved, logs) <= before + rounding or np.abs(step).max() <= _TOLERANCE:
                break
            step = step / 2
        coefficients = moved
        if np.abs(step).max() <= _TOLERANCE:
            break
    return coefficients
