from __future__ import annotations

from math import fsum, inf, nan

import pytest
from hef.contract import ModelError, Reading
from hef.sem.distribution import log_probabilities, normalise, pool, primary_emotions
from hef.sem.validation import check_reading
from hypothesis import given
from hypothesis import strategies as st

LABELS = ("afraid", "joyful", "proud", "sad")
Distribution = dict[str, float]


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    raised = [draw(st.floats(0, 1e6)) for _ in LABELS]
    total = fsum(raised) or 1.0
    return {label: value / total for label, value in zip(LABELS, raised, strict=True)} if fsum(raised) else uniform()


def uniform() -> Distribution:
    return dict.fromkeys(LABELS, 1 / len(LABELS))


@given(st.fixed_dictionaries({label: st.floats(-1e4, 1e4) for label in LABELS}), st.floats(-1e4, 1e4))
def test_normalise_sums_to_1_keeps_the_order_and_ignores_a_shift(logs: Distribution, shift: float) -> None:
    found = normalise(logs)
    moved = normalise({label: value + shift for label, value in logs.items()})

    assert fsum(found.values()) == pytest.approx(1)
    assert all(logs[a] < logs[b] or found[a] >= found[b] for a in LABELS for b in LABELS)
    assert moved == pytest.approx(found, abs=1e-6)


@given(distributions())
def test_pooling_one_distribution_changes_nothing(one: Distribution) -> None:
    assert pool([(one, 1.0)]) == pytest.approx(one, abs=1e-8)


@given(distributions(), distributions(), st.floats(0, 3), st.floats(0, 3))
def test_pooling_is_a_distribution_whatever_the_order(a: Distribution, b: Distribution, v: float, w: float) -> None:
    found = pool([(a, v), (b, w)])

    assert fsum(found.values()) == pytest.approx(1)
    assert pool([(b, w), (a, v)]) == pytest.approx(found)


def test_pooling_with_weight_0_leaves_a_part_out() -> None:
    one = {"afraid": 0.1, "joyful": 0.2, "proud": 0.3, "sad": 0.4}

    assert pool([(one, 1.0), ({**uniform(), "sad": 0.0}, 0.0)]) == pytest.approx(one)


def test_pooling_is_the_weighted_product() -> None:
    found = pool([({"joyful": 0.8, "sad": 0.2}, 0.5), ({"joyful": 0.2, "sad": 0.8}, 1.0)])

    assert found["joyful"] / found["sad"] == pytest.approx((0.8 / 0.2) ** 0.5 * (0.2 / 0.8))


def test_a_zero_has_a_finite_log() -> None:
    assert log_probabilities({"sad": 0.0, "joyful": 1.0})["sad"] > -inf


@given(distributions(), st.integers(1, 6))
def test_primary_emotions_are_the_k_most_probable(one: Distribution, k: int) -> None:
    found = primary_emotions(one, k)

    assert len(found) == min(k, len(LABELS))
    assert list(found) == sorted(found, key=lambda label: -one[label])
    assert all(one[kept] >= one[left] for kept in found for left in set(LABELS) - set(found))


@given(distributions(), st.floats(0.01, 0.99))
def test_primary_emotions_are_the_smallest_set_that_covers(one: Distribution, coverage: float) -> None:
    found = primary_emotions(one, coverage)

    assert fsum(one[label] for label in found) >= coverage - 1e-9
    assert fsum(one[label] for label in found[:-1]) < coverage + 1e-9


def test_a_right_reading_is_returned() -> None:
    reading = Reading(distribution=uniform())

    assert check_reading(reading, LABELS, "mine") is reading


@pytest.mark.parametrize(
    ("distribution", "complaint"),
    [
        ({**uniform(), "sad": 0.9}, "sums to 1.650, not 1"),
        ({**uniform(), "bored": 0.0}, "other labels"),
        ({"sad": 1.0}, "other labels"),
        ({**uniform(), "sad": nan}, "not a probability"),
        ({**uniform(), "sad": inf}, "not a probability"),
        ({"afraid": 1.5, "joyful": -0.5, "proud": 0.0, "sad": 0.0}, "not a probability"),
    ],
)
def test_a_wrong_reading_names_the_sem_and_the_fault(distribution: Distribution, complaint: str) -> None:
    with pytest.raises(ModelError, match=f"'mine'.*{complaint}"):
        check_reading(Reading(distribution=distribution), LABELS, "mine")
