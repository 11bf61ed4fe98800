"""Conditional logit (McFadden 1974): which of several alternatives, from features of each."""

from __future__ import annotations

import numpy as np

from ..metrics import Array, Indices

_STEPS = 50
_CLOSE = 1e-8


def fit_logit(features: Array, wanted: Indices, centre: Array, pull: Array) -> Array:
    """Return the coefficients of greatest penalised likelihood, found by Newton's method.

    Args:
        features: What speaks for each alternative, [samples, alternatives, coefficients].
        wanted: Index of the true alternative, [samples].
        centre: Where each coefficient lies without data, [coefficients].
        pull: How strongly it is held there, in units of information (1 / variance), [coefficients].
    """
    found = centre.copy()
    own = features[np.arange(len(wanted)), wanted]
    for _ in range(_STEPS):
        shares = np.exp(log_shares(features, found))
        mean = np.einsum("na,nac->nc", shares, features)
        slope = (own - mean).sum(axis=0) - pull * (found - centre)
        bend = np.einsum("na,nac,nad->cd", shares, features, features, optimize=True) - mean.T @ mean
        step = np.linalg.solve(bend + np.diag(pull), slope)
        longest = np.abs(step).max()
        found = found + step / max(1.0, longest)
        if longest < _CLOSE:
            break
    return found


def log_shares(features: Array, coefficients: Array) -> Array:
    """Return the log-probability of each alternative, [samples, alternatives]."""
    raw = features @ coefficients
    top = raw.max(axis=1, keepdims=True)
    return np.asarray(raw - top - np.log(np.exp(raw - top).sum(axis=1, keepdims=True)))
