"""Recall of cause words, its chance and its ceiling."""

from __future__ import annotations

import pytest
from hef.contract import Cause
from hef.evaluation import CauseRow, evaluate_causes, make_cause_row
from hef.evaluation.causes import recall
from hef.sem import shipped_sem

ROWS = [
    CauseRow("My dog died last night", "sad", ("dog", "died"), "a"),
    CauseRow("I won the lottery!", "surprised", ("won", "lottery"), "b"),
]


@pytest.mark.parametrize(
    ("predicted", "share"),
    [
        (["dog"], 0.5),
        (["dogs"], 0.5),
        (["hotdog"], 0.5),
        (["dog", "died"], 1.0),
        (["do"], 0.0),
        (["adogb"], 0.0),
        ([], 0.0),
    ],
)
def test_a_word_counts_for_what_it_equals_starts_or_ends_with(predicted: list[str], share: float):
    assert recall(predicted, ("dog", "died")) == share


class Oracle:
    """A SEM that names the words it was made with, first word last."""

    description = shipped_sem().description

    def __init__(self, *words: str) -> None:
        self._words = words

    def read(self, dialogues, *, views=None):
        raise NotImplementedError

    def causes(self, dialogues, emotions):
        return [tuple(Cause(text=word, turn=0, start=0, end=1, weight=0.1) for word in self._words) for _ in dialogues]


def test_the_ceiling_is_what_the_marked_words_reach():
    found = evaluate_causes(Oracle("dog", "died", "won", "lottery"), ROWS)
    assert found.ceiling == {"at1": 0.5, "at3": 1.0, "at5": 1.0}
    assert found.recall["at1"].value == 0.25
    assert found.recall["at5"].value == 1.0


def test_words_of_a_span_count_one_by_one_and_case_is_nothing():
    found = evaluate_causes(Oracle("My DOG died", "dog"), ROWS[:1])
    assert [found.recall[k].value for k in ("at1", "at3")] == [0.0, 1.0]


def test_chance_is_the_same_for_the_same_seed():
    one, again = (evaluate_causes(Oracle("x"), ROWS * 20, seed=4).chance for _ in range(2))
    assert one == again
    assert 0 < one["at1"] < 1


def test_the_shipped_sem_finds_words():
    found = evaluate_causes(shipped_sem(), ROWS)
    assert found.recall["at5"].value > 0
    assert found.samples == 2


def test_a_row_without_marked_words_is_refused():
    with pytest.raises(ValueError, match="no marked words"):
        make_cause_row({"original_situation": "hello", "emotion": "sad", "labels": []})
    with pytest.raises(KeyError):
        make_cause_row({"emotion": "sad", "labels": ["x"]})
