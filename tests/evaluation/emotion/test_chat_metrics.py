from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hef.contract import Cause, Dialogue, Reading
from hef.data.labelled_chats import read_chats
from hef.evaluation.emotion.chat_metrics import measure_chats, measured_chats
from hef.training.sem.turn_head import turn_samples

TURNS = [
    {"role": "user", "text": "my cat died", "emotion": "sad", "also": ["devastated"], "topic": 1, "causes": ["cat"]},
    {"role": "assistant", "text": "I am sorry."},
    {"role": "user", "text": "a word for blue?", "emotion": "none", "topic": 2},
    {"role": "assistant", "text": "Azure."},
    {"role": "user", "text": "I won a prize", "emotion": "proud", "topic": 3, "causes": ["prize"]},
]


class TableSem:
    """A SEM that reads what a table says of the last turn: label, neutral probability, turn and text of its cause."""

    def __init__(self, table: dict[str, tuple[str, float, int, str]]) -> None:
        self.table = table

    def read(self, dialogues: Sequence[Dialogue]) -> list[Reading]:
        rows = [self.table[dialogue[-1].text] for dialogue in dialogues]
        return [Reading(distribution={row[0]: 0.6, "angry": 0.3, "calm": 0.1}, neutral=row[1]) for row in rows]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        rows = [self.table[dialogue[-1].text] for dialogue in dialogues]
        return [(Cause(text=row[3], turn=row[2], start=0, end=1, weight=1),) for row in rows]


@pytest.fixture
def chats(tmp_path: Path) -> Any:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"id": "a", "language": "en", "turns": TURNS}) + "\n", "utf-8")
    return read_chats(path)[0]


def report(chats: Any, *rows: tuple[str, float, int, str]) -> Any:
    texts = [turn["text"] for turn in TURNS if turn["role"] == "user"]
    sem: Any = TableSem(dict(zip(texts, rows, strict=True)))
    (one,) = measure_chats(sem, chats)
    return one


def test_a_right_or_as_right_emotion_and_a_neutral_turn_are_read_right(chats: Any) -> None:
    one = report(chats, ("devastated", 0.1, 0, "cat"), ("sad", 0.9, 2, "word"), ("proud", 0.2, 4, "prize"))
    assert one.right.value == 1
    assert (one.with_feeling, one.without) == (2, 1)
    assert (one.causes_in_subject.value, one.causes_right.value) == (1, 1)


def test_a_feeling_that_sticks_is_counted_as_carried_over_with_its_causes(chats: Any) -> None:
    one = report(chats, ("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"))
    assert one.right.value == pytest.approx(1 / 3)
    assert (one.carried_over.value, one.called_neutral.value) == (1, 0)
    assert (one.causes_in_subject.value, one.causes_right.value) == (0.5, 0.5)


def test_a_feeling_that_is_called_neutral_is_missed_whatever_the_label(chats: Any) -> None:
    one = report(chats, ("sad", 0.9, 0, "cat"), ("sad", 0.9, 0, "cat"), ("proud", 0.9, 4, "prize"))
    assert (one.missed.value, one.emotion_right.value, one.called_neutral.value) == (1, 0, 1)


def test_no_chat_that_is_measured_is_trained_on() -> None:
    def long_texts(chats: Any) -> set[str]:
        """Return what only one person would write so."""
        return {text for chat in chats for turn in chat.turns if len(text := turn.turns[-1].text) > 35}

    measured = long_texts(measured_chats())
    assert len(measured) > 200
    assert not measured & long_texts(turn_samples.training_chats())
