from __future__ import annotations

import numpy as np
import pytest
from hef.contract.numerics import fit_conditional_logit, log_softmax, softmax


def test_log_softmax_of_extreme_logits_is_finite_and_normalised() -> None:
    logits = np.array([[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]], dtype=np.float32)

    rows = log_softmax(logits)

    assert rows.dtype == np.float64
    assert np.exp(rows).sum(axis=1) == pytest.approx(1)
    assert rows[0] == pytest.approx([0, -1000, -2000])


def test_softmax_is_the_exponential_of_log_softmax() -> None:
    assert softmax(np.log(np.array([[0.2, 0.3, 0.5]]))) == pytest.approx(np.array([[0.2, 0.3, 0.5]]))
    assert softmax(np.array([1000.0, 0.0], dtype=np.float32)) == pytest.approx([1, 0])


def test_a_fit_without_data_is_the_prior_mean() -> None:
    mean = np.array([0.5, -2.0])

    found = fit_conditional_logit(np.zeros((4, 3, 2)), np.zeros(4, dtype=np.int64), mean, np.ones(2))

    assert found == pytest.approx(mean)


def test_the_gradient_vanishes_at_the_fit_from_a_far_start() -> None:
    chance = np.random.default_rng(0)
    features, labels = chance.normal(size=(200, 4, 3)), chance.integers(0, 4, 200)
    mean, precision = np.array([30.0, -30.0, 0.0]), np.full(3, 0.01)

    found = fit_conditional_logit(features, labels, mean, precision)

    probabilities = np.exp(log_softmax(features @ found))
    expected = np.einsum("na,nac->c", probabilities, features)
    gradient = expected - features[np.arange(200), labels].sum(axis=0) + precision * (found - mean)
    assert gradient == pytest.approx(0, abs=1e-6)
