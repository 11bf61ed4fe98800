"""The figures: right by hand, and as others compute them."""

from __future__ import annotations

import numpy as np
import pytest
from hef.evaluation.metrics import (
    accuracy_estimates,
    expected_calibration_error,
    mean_estimate,
    median_estimate,
    ranks,
    statistic_estimate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score


def drawn(samples: int, labels: int, seed: int = 0):
    chance = np.random.default_rng(seed)
    shares = chance.dirichlet(np.ones(labels) * 0.3, samples)
    return shares, shares.argmax(axis=1), np.array([chance.choice(labels, p=row) for row in shares])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_accuracy_is_that_of_scikit_learn(k: int):
    shares, chosen, wanted = drawn(400, 8)
    found = accuracy_estimates(shares, chosen, wanted, range(400))[f"top{k}"]
    assert found.value == pytest.approx(top_k_accuracy_score(wanted, shares, k=k, labels=range(8)))


def test_the_earlier_of_equal_labels_comes_first():
    shares = np.array([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]])
    assert ranks(shares, np.array([2, 2]), np.array([0, 1])).tolist() == [1, 2]


def test_the_decided_label_comes_first_even_when_another_is_more_probable():
    shares = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]])
    assert ranks(shares, np.array([2, 2]), np.array([2, 0])).tolist() == [0, 1]


def test_the_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([1.0, 0.0, 1.0, 1.0])
    assert expected_calibration_error(confidence, correct) == pytest.approx((abs(1.9 - 1) + abs(1.1 - 2)) / 4)


def test_a_distribution_that_tells_the_truth_is_calibrated():
    shares, chosen, wanted = drawn(5_000, 8)
    assert accuracy_estimates(shares, chosen, wanted, range(5_000))["ece"].value < 0.03


def test_full_confidence_belongs_to_the_last_bin():
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.0


def test_turns_of_one_conversation_are_no_independent_evidence():
    shares, chosen, wanted = drawn(60, 4)
    shares, chosen, wanted = (np.repeat(held, 10, axis=0) for held in (shares, chosen, wanted))
    apart = accuracy_estimates(shares, chosen, wanted, range(600))["top1"]
    together = accuracy_estimates(shares, chosen, wanted, np.repeat(range(60), 10).tolist())["top1"]
    assert apart.value == together.value
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_the_interval_has_the_width_theory_gives():
    values = (np.random.default_rng(0).random(2000) < 0.5).astype(float)
    found = mean_estimate(values)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 2000), rel=0.15)


def test_one_slow_moment_hardly_moves_a_median():
    found = median_estimate(np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 90.0]))
    assert found.value == 1.3
    assert 1.0 <= found.low < 1.3 < found.high <= 1.5
    alone = median_estimate(np.array([2.0]))
    assert (alone.low, alone.value, alone.high) == (2.0, 2.0, 2.0)


def test_a_figure_of_sums_has_the_interval_of_the_same_mean():
    values = np.random.default_rng(1).random(50)
    groups = np.repeat(range(10), 5).tolist()
    table = np.stack([values, np.ones(50)], axis=1)
    found = statistic_estimate(table, groups, lambda sums: float(sums[0] / sums[1]))
    wanted = mean_estimate(values, groups)
    assert (found.low, found.value, found.high) == pytest.approx((wanted.low, wanted.value, wanted.high))


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 5))
def test_every_figure_lies_in_its_interval_and_deeper_ranks_hold_more(samples: int, labels: int, seed: int):
    found = accuracy_estimates(*drawn(samples, labels, seed), range(samples))
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in found.values())
    assert found["top1"].value <= found["top3"].value <= found["top5"].value
