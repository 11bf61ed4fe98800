"""Recall measured on dialogues: the file that ships, the ways that stand beside each other, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.contract import SetupError
from hef.evaluation.recall_metrics import (
    MemoryDialogue,
    among_others,
    make_memory_dialogue,
    read_memory_dialogues,
    report_memory,
    tuning_users,
    with_questions,
)
from typer.testing import CliRunner

ROW = {
    "user": "ana",
    "turns": [
        {"day": 0, "text": "My dog Bello died last night."},
        {"day": 0, "text": "I got a new job at the bank!"},
        {"day": 3, "text": "My sister is moving to Spain and I will miss her."},
        {"day": 4, "text": "Rain again."},
        {"day": 4, "text": "I slept badly."},
        {"day": 4, "text": "The train was late."},
    ],
    "questions": [{"text": "I still miss my old dog.", "turns": [0]}, {"text": "Where do I work?", "turns": [1]}],
}


def test_the_shipped_dialogues_are_many_and_no_template() -> None:
    dialogues, broken = read_memory_dialogues()
    texts = [text for dialogue in dialogues for text in dialogue.texts]
    questions = [question.text for dialogue in dialogues for question in dialogue.questions]
    assert broken == []
    assert len({dialogue.user for dialogue in dialogues}) == len(dialogues) >= 40
    assert all(len(dialogue.texts) == 12 and len(dialogue.questions) >= 3 for dialogue in dialogues)
    assert len(set(texts)) >= 0.99 * len(texts)
    assert len(set(questions)) == len(questions)
    assert not set(texts) & set(questions)


def test_the_shipped_messages_mean_a_turn_and_do_not_repeat_it() -> None:
    dialogues, broken = read_memory_dialogues(kind="messages")
    assert broken == []
    assert {dialogue.language for dialogue in dialogues} == {"en", "zh"}
    asked = [(dialogue, question) for dialogue in dialogues for question in dialogue.questions]
    assert len(asked) == 30
    assert not any(question.text in dialogue.texts for dialogue, question in asked)


def test_among_others_a_persons_turns_stay_in_order_and_answer_the_same_questions() -> None:
    own = make_memory_dialogue(ROW)
    strangers = [
        MemoryDialogue("ben", (0.0,) * 9, tuple(f"turn {number}" for number in range(9)), ()),
        MemoryDialogue("mei", (0.0,), ("我的狗死了。",), (), "zh"),
    ]
    mixed, *rest = among_others([own, *strangers], 5)
    assert len(mixed.texts) == len(own.texts) + 5
    assert "我的狗死了。" not in mixed.texts
    assert [text for text in mixed.texts if text in own.texts] == list(own.texts)
    assert list(mixed.days) == sorted(mixed.days)
    for before, after in zip(own.questions, mixed.questions, strict=True):
        assert [own.texts[i] for i in before.answers] == [mixed.texts[i] for i in after.answers]
    assert mixed.texts != own.texts + mixed.texts[-5:]  # not behind them
    assert [len(each.texts) for each in rest] == [9 + 5, 1]
    assert among_others([own, *strangers], 5) == [mixed, *rest] != among_others([own, *strangers], 5, seed=1)


def test_half_of_the_people_had_no_part_in_the_choice_of_the_defaults() -> None:
    dialogues, _ = read_memory_dialogues()
    assert len(tuning_users(dialogues)) == len(dialogues) // 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"questions": [{"text": "Where?", "turns": [6]}]}, "not a turn"),
        ({"questions": [{"text": "Where?", "turns": []}]}, "not a turn"),
        ({"turns": [], "questions": []}, "no turns"),
        ({"questions": [{"text": " ", "turns": [0]}]}, "blank"),
        ({"turns": [{"day": 1, "text": "a"}, {"day": 0, "text": "b"}]}, "rise"),
    ],
)
def test_a_broken_row_says_why(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_memory_dialogue({**ROW, **change})


def test_recall_counts_the_first_places_and_tells_the_halves_apart() -> None:
    people = [make_memory_dialogue({**ROW, "user": user}) for user in ("ana", "ben")]

    def right_for_ana(dialogue: MemoryDialogue, question: str) -> list[int]:
        return [0, 1, 2, 3, 4] if dialogue.user == "ana" else [5, 4, 3, 1, 2]

    ours, theirs = report_memory({"ours": right_for_ana, "none": lambda *_: []}, people, {"ana"})
    assert {name: held.value for name, held in ours.recall.items()} == {
        "at1": 0.25,
        "at3": 0.5,
        "at5": 0.75,
        "at10": 0.75,
    }
    assert ours.chosen_on is not None
    assert ours.others is not None
    assert (ours.chosen_on["at3"].value, ours.others["at3"].value) == (1.0, 0.0)
    assert theirs.gain is not None
    assert theirs.gain["at5"].value == 0.75
    assert report_memory({"ours": right_for_ana}, people)[0].others is None


def test_dialogues_without_a_question_are_refused() -> None:
    with pytest.raises(SetupError, match="asked anything"):
        with_questions([make_memory_dialogue({**ROW, "questions": []})])


def test_the_command_measures_each_way_on_the_same_questions(tmp_path: Path) -> None:
    path = tmp_path / "told.jsonl"
    path.write_text(json.dumps(ROW) + "\n{\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["evaluate", "memory", "--data", str(path), "--ablate", "--json"])
    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    by_way = {result["method"]: result for result in held["results"]}
    assert (held["task"], held["broken"]) == ("memory", 1)
    assert by_way["HEF"]["recall"]["at3"]["value"] == 1.0
    assert by_way["newest turns"]["recall"]["at3"]["value"] == 0.0
    assert by_way["HEF"]["others"] is None
    assert {"vectors alone", "without clauses", "without detail", "without recency"} <= set(by_way)


def test_the_command_measures_messages_among_turns_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make_memory_dialogue({**ROW, "user": user, "language": user}) for user in ("en", "zh")]
    asked: list[Any] = []

    def few(path: Any, kind: str) -> Any:
        asked.append((path, kind))
        return [*people, MemoryDialogue("ben", (0.0,) * 3, ("Ben is here.", "Hi.", "So?"), (), "en")], []

    monkeypatch.setattr("hef.evaluation.recall_metrics.read_memory_dialogues", few)
    options = ["--kind", "messages", "--among", "2", "--json"]
    done = CliRunner().invoke(app, ["evaluate", "memory", *options])
    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    assert asked == [(None, "messages")]
    assert (held["kind"], held["among"]) == ("messages", 2)
    assert (held["results"][0]["users"], held["results"][0]["turns"]) == (2, 8 + 6)
    assert held["results"][0]["others"] is None
