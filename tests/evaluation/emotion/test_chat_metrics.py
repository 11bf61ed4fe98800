from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hef.contract import Cause, Dialogue, HefContext, Reading
from hef.data.labelled_chats import read_chats
from hef.evaluation.caching_models import with_cache
from hef.evaluation.emotion.chat_metrics import measure_chats, measured_chats
from hef.evaluation.emotion.sem_llm_pair import SemLlmPair
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem import SemDescription
from hef.training.sem.turn_head import turn_samples
from langchain_core.messages import BaseMessage
from scripted_chat import ScriptedChat

TURNS = [
    {"role": "user", "text": "my cat died", "emotion": "sad", "also": ["devastated"], "topic": 1, "causes": ["cat"]},
    {"role": "assistant", "text": "I am sorry."},
    {"role": "user", "text": "a word for blue?", "emotion": "none", "topic": 2},
    {"role": "assistant", "text": "Azure."},
    {"role": "user", "text": "I won a prize", "emotion": "proud", "topic": 3, "causes": ["prize"]},
]


def shares(label: str) -> dict[str, float]:
    """Return probabilities with a label first, and anger second."""
    rest = 0.3 / (len(TAXONOMY.labels) - 2)
    return {one: {label: 0.4, "angry": 0.3}.get(one, rest) for one in TAXONOMY.labels}


class ByLastTurn(ScriptedChat):
    """An LLM that is right about each turn."""

    script: list[str] = []  # noqa: RUF012

    def _next(self, messages: list[BaseMessage]) -> str:
        words = " ".join(str(message.text) for message in messages)
        return "proud" if "prize" in words else "none" if "word for blue" in words else "sad"


class TableSem:
    """A SEM that reads what a table says of the last turn: label, neutral probability, turn and text of its cause."""

    description = SemDescription("table", TAXONOMY)

    def __init__(self, table: dict[str, tuple[str, float, int, str]]) -> None:
        self.table = table

    def read(self, dialogues: Sequence[Dialogue], *, views: Any = None) -> list[Reading]:
        rows = [self.table[dialogue[-1].text] for dialogue in dialogues]
        return [Reading(distribution=shares(row[0]), sem="table", neutral=row[1]) for row in rows]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        rows = [self.table[dialogue[-1].text] for dialogue in dialogues]
        return [(Cause(text=row[3], turn=row[2], start=0, end=1, weight=1),) for row in rows]


@pytest.fixture
def chats(tmp_path: Path) -> Any:
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"id": "a", "language": "en", "turns": TURNS}) + "\n", "utf-8")
    return read_chats(path)[0]


def report(chats: Any, *rows: tuple[str, float, int, str]) -> Any:
    (one,) = measure_chats(SemLlmPair(table_sem(*rows), None, None), chats, HefContext(strategy="sem_only"))
    return one


def table_sem(*rows: tuple[str, float, int, str]) -> Any:
    texts = [turn["text"] for turn in TURNS if turn["role"] == "user"]
    return TableSem(dict(zip(texts, rows, strict=True)))


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


def test_a_feeling_behind_another_one_is_counted_by_itself_and_what_sticks_of_the_first(chats: Any) -> None:
    stuck = report(chats, ("sad", 0.1, 0, "cat"), ("sad", 0.9, 2, "word"), ("sad", 0.2, 0, "cat"))
    right = report(chats, ("sad", 0.1, 0, "cat"), ("sad", 0.9, 2, "word"), ("proud", 0.2, 4, "prize"))
    assert (stuck.behind_another.value, stuck.stuck.value) == (0, 1)
    assert (right.behind_another.value, right.stuck.value) == (1, 0)


def test_a_feeling_that_is_called_neutral_is_missed_whatever_the_label(chats: Any) -> None:
    one = report(chats, ("sad", 0.9, 0, "cat"), ("sad", 0.9, 0, "cat"), ("proud", 0.9, 4, "prize"))
    assert (one.missed.value, one.emotion_right.value, one.called_neutral.value) == (1, 0, 1)


@pytest.mark.parametrize(("strategy", "right"), [("llm_only", 1), ("two_stage", 2 / 3), ("sem_only", 1 / 3)])
def test_an_llm_decides_alone_or_is_weighed_beside_the_sem_also_where_nothing_is_felt(
    chats: Any, strategy: Any, right: float
) -> None:
    sem = table_sem(("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"))
    model, cache = with_cache(ByLastTurn(), None)
    (one,) = measure_chats(SemLlmPair(sem, model, cache), chats, HefContext(strategy=strategy, first_question="open"))
    assert one.right.value == pytest.approx(right)
    assert one.strategy == strategy


@pytest.mark.parametrize(("anew", "graphs"), [(False, 1), (True, 3)])
def test_before_each_chat_what_was_learned_of_the_llm_can_be_forgotten(chats: Any, anew: bool, graphs: int) -> None:
    class CountedPair(SemLlmPair):
        """Counts the graphs that read, of which each begins to learn of the LLM."""

        built = 0

        def _graph(self, fit: Any) -> Any:
            CountedPair.built += 1
            return super()._graph(fit)

    sem = table_sem(("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"), ("sad", 0.1, 0, "cat"))
    pair = CountedPair(sem, *with_cache(ByLastTurn(), None))

    (one,) = measure_chats(pair, chats * 3, HefContext(), anew=anew)

    assert CountedPair.built == graphs
    assert one.with_feeling + one.without == 9


def test_no_chat_that_is_measured_is_trained_on() -> None:
    def long_texts(chats: Any) -> set[str]:
        """Return what only one person would write so."""
        return {text for chat in chats for turn in chat.turns if len(text := turn.turns[-1].text) > 35}

    measured = long_texts([*measured_chats(), *measured_chats("changes")])
    assert len(measured) > 500
    assert not measured & long_texts(turn_samples.training_chats())
