"""Prediction sets: thresholds between fitted coverages, and sets that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hef.sem.distribution import primary_emotions
from hef.sem.runtime.calibration import COVERAGES, PredictionSets, fit_prediction_sets
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

LABELS = ("afraid", "joyful", "proud", "sad")
SETS = PredictionSets(coverages=(0.5, 0.8, 0.9), one_turn=(0.6, 0.3, 0.2), more_turns=(0.9, 0.5, 0.1))
READ = {"joyful": 0.5, "proud": 0.25, "sad": 0.2, "afraid": 0.05}


@pytest.mark.parametrize(
    ("coverage", "turns", "threshold"),
    [(0.5, 1, 0.6), (0.8, 1, 0.3), (0.85, 1, 0.25), (0.85, 4, 0.3), (0.95, 1, 0.1), (0.1, 2, 0.9), (1.0, 1, 0.0)],
)
def test_thresholds_are_linear_between_the_fitted_coverages(coverage: float, turns: int, threshold: float):
    assert SETS.threshold(coverage, turns) == pytest.approx(threshold)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.integers(1, 5))
def test_more_coverage_never_asks_for_more_probability(a: float, b: float, turns: int):
    low, high = sorted((a, b))
    assert SETS.threshold(high, turns) <= SETS.threshold(low, turns) + 1e-12


@pytest.mark.parametrize(
    "wrong",
    [
        {"coverages": (), "one_turn": (), "more_turns": ()},
        {"coverages": (0.9, 0.5), "one_turn": (0.1, 0.2), "more_turns": (0.1, 0.2)},
        {"coverages": (0.5, 1.0), "one_turn": (0.1, 0.2), "more_turns": (0.1, 0.2)},
        {"coverages": (0.5, 0.9), "one_turn": (0.1,), "more_turns": (0.1, 0.2)},
    ],
)
def test_what_is_no_table_of_thresholds_is_refused(wrong: dict[str, tuple[float, ...]]):
    with pytest.raises(ValidationError):
        PredictionSets.model_validate(wrong)


def test_a_coverage_takes_every_label_that_reaches_the_threshold_of_its_turns():
    assert primary_emotions(READ, 0.9, SETS, 1) == ("joyful", "proud", "sad")
    assert primary_emotions(READ, 0.8, SETS, 1) == ("joyful",)
    assert primary_emotions(READ, 0.8, SETS, 2) == ("joyful",)
    assert primary_emotions(READ, 0.9, SETS, 2) == ("joyful", "proud", "sad")


def test_the_most_probable_label_is_always_in():
    assert primary_emotions(READ, 0.5, SETS, 1) == ("joyful",)


def test_a_count_ignores_the_thresholds():
    assert primary_emotions(READ, 2, SETS, 1) == ("joyful", "proud")


def test_without_thresholds_the_probabilities_add_up():
    assert primary_emotions(READ, 0.9) == ("joyful", "proud", "sad")
    assert primary_emotions(READ, 0.7) == ("joyful", "proud")


def drawn(samples: int, seed: int):
    """Return wrongly calibrated readings whose quality depends on the turns, their labels, and the turns."""
    chance = np.random.default_rng(seed)
    turns = chance.integers(1, 3, samples)
    shares = np.stack([chance.dirichlet(np.ones(12) * (0.15 if held == 1 else 0.6)) for held in turns])
    truth = shares**0.5 / (shares**0.5).sum(axis=1, keepdims=True)
    wanted = np.array([chance.choice(12, p=row) for row in truth])
    return shares, wanted, turns


@pytest.mark.parametrize("coverage", [0.8, 0.925])
def test_fitted_sets_hold_their_coverage_for_one_turn_and_for_more_though_probabilities_are_wrong(coverage: float):
    shares, wanted, turns = drawn(4_000, seed=1)
    sets = fit_prediction_sets(shares, wanted, turns.tolist())
    shares, wanted, turns = drawn(4_000, seed=2)
    names = [str(number) for number in range(12)]

    held = np.array(
        [
            str(label) in primary_emotions(dict(zip(names, row.tolist(), strict=True)), coverage, sets, int(count))
            for row, label, count in zip(shares, wanted, turns, strict=True)
        ]
    )

    assert held[turns == 1].mean() == pytest.approx(coverage, abs=0.025)
    assert held[turns != 1].mean() == pytest.approx(coverage, abs=0.025)


def test_the_threshold_is_the_conformal_quantile():
    own = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
    shares = np.stack([own, 1 - own], axis=1)
    sets = fit_prediction_sets(shares, np.zeros(9, dtype=int), [1] * 9)

    assert sets.threshold(0.9, 1) == pytest.approx(0.05, abs=2e-6)
    assert sets.threshold(0.8, 1) == pytest.approx(0.1, abs=2e-6)
    assert sets.threshold(0.5, 1) == pytest.approx(0.25, abs=2e-6)
    assert sets.threshold(0.91, 1) == 0.0


def test_a_sample_whose_first_choice_is_right_counts_as_most_conforming():
    shares = np.full((40, 4), 0.2)
    shares[:, 0] = 0.4
    sets = fit_prediction_sets(shares, np.zeros(40, dtype=int), [1] * 40)

    assert sets.threshold(0.9, 1) == 1.0


def test_turns_that_were_never_seen_borrow_the_thresholds_of_all():
    shares, wanted, _ = drawn(300, seed=3)
    sets = fit_prediction_sets(shares, wanted, [2] * 300)

    assert sets.one_turn == sets.more_turns
    assert sets.coverages == COVERAGES
