"""Recall of cause words and agreement with cause spans, their chance and their ceiling."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hef.contract import Cause, SetupError
from hef.data.cause_annotations import CauseRow, cause_recall, holds_spans, make_cause_row, read_reccon
from hef.evaluation.cause_metrics import evaluate_causes, evaluate_spans
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
    assert cause_recall(predicted, ("dog", "died")) == share


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


DIALOGUE = {
    "dialogue_id": "d",
    "turns": [
        {"turn": 1, "speaker": "A", "utterance": "My old dog died .", "emotion": "neutral"},
        {"turn": 2, "speaker": "B", "utterance": "Oh no .", "emotion": "neutral"},
        {
            "turn": 3,
            "speaker": "A",
            "utterance": "I am so lonely .",
            "emotion": "sadness",
            "expanded emotion cause evidence": [1],
            "expanded emotion cause span": ["old dog died"],
        },
    ],
}


class Pointing(Oracle):
    """A SEM that points at spans of the first turn."""

    def causes(self, dialogues, emotions):
        assert set(emotions) == {"sad"}
        places = [(word, turns[0].text.index(word)) for turns in dialogues for word in self._words]
        named = [Cause(text=word, turn=0, start=at, end=at + len(word), weight=0.1) for word, at in places]
        return [tuple(named)] * len(dialogues)


@pytest.fixture
def reccon(tmp_path: Path) -> Path:
    path = tmp_path / "spans.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(DIALOGUE).encode()))
    return path


@pytest.mark.parametrize(
    ("named", "precision", "recalled", "f1"),
    [
        (["old dog died"], 1, 1, 1),
        (["dog"], 1, 1 / 3, 0.5),
        (["My", "dog"], 1, 1 / 3, 0.5),
        (["dog died"], 1, 2 / 3, 0.8),
        ([], 0, 0, 0),
    ],
)
def test_spans_are_compared_in_content_words(
    reccon: Path, named: list[str], precision: float, recalled: float, f1: float
):
    rows, broken = read_reccon(reccon, ["sad"])
    found = evaluate_spans(Pointing(*named), rows)

    assert broken == []
    assert found.samples == 1
    assert [found.precision.value, found.recall.value, found.f1.value] == pytest.approx([precision, recalled, f1])
    assert found.everything == pytest.approx(6 / 7)


def test_a_word_named_in_another_turn_is_none_of_the_span(reccon: Path):
    rows, _ = read_reccon(reccon, ["sad"])
    sem = Oracle()
    sem.causes = lambda dialogues, emotions: [(Cause(text="lonely", turn=2, start=8, end=14, weight=1),)]  # type: ignore[method-assign]
    assert evaluate_spans(sem, rows).f1.value == 0


def test_files_are_told_apart_by_their_rows(reccon: Path, tmp_path: Path):
    words = tmp_path / "words.jsonl"
    words.write_text(json.dumps({"original_situation": "x", "emotion": "sad", "labels": ["x"]}))
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")

    assert [holds_spans(path) for path in (reccon, words, broken)] == [True, False, False]


def test_a_file_without_a_span_is_refused():
    with pytest.raises(SetupError, match="no utterance has a cause"):
        evaluate_spans(shipped_sem(), [])
