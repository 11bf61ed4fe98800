from __future__ import annotations

import numpy as np
from hef.contract.numerics import Array, Indices
from hef.sem.runtime.calibration import fit_view_weight


def looks(noise: float, seed: int = 0) -> tuple[Array, Array, Indices]:
    """Return probabilities at two looks of which the second is so much noisier, and the true labels."""
    chance = np.random.default_rng(seed)
    wanted = chance.integers(0, 5, 2000)
    truth = np.eye(5)[wanted] * 2
    rows = [truth + chance.normal(0, 1.0, truth.shape), truth + chance.normal(0, noise, truth.shape)]
    shares = [np.exp(row) / np.exp(row).sum(1, keepdims=True) for row in rows]
    return shares[0], shares[1], wanted


def test_equally_good_look_counts_nearly_whole() -> None:
    assert fit_view_weight(*looks(1.0)) >= 0.8


def test_worse_look_counts_less() -> None:
    assert 0 < fit_view_weight(*looks(2.0)) < fit_view_weight(*looks(1.2))


def test_look_that_says_nothing_of_the_label_is_not_heard() -> None:
    first, _, wanted = looks(1.0)
    chance = np.random.default_rng(1)

    assert fit_view_weight(first, chance.dirichlet(np.ones(5), len(wanted)), wanted) <= 0.05
