"""What a person said their emotion was comes out as conversations to train on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.chat.chat_threads import thread_id
from hef.contract import Memory
from hef.data.conversations import read_conversations
from hef.graph import HefContext, create_hef, open_store
from hef.memory import (
    ChromaStore,
    Selection,
    erase_turns,
    export_turns,
    feedback_rows,
    import_turns,
    remember_turn,
    remember_turns,
)
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from tiny_encoder import SAID, write_bert
from typer.testing import CliRunner


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with ChromaStore.ephemeral() as store:
        yield store


def turn(number: int, *, thread: str = "t", confirmed: bool = False, **held: Any) -> Memory:
    words = {"text": f"said {number}", "reply": f"answered {number}", "emotion": "sad", **held}
    time = 1_793_000_000.0 + number
    return Memory(id=f"{thread}{number}", time=time, thread=thread, turn=number, confirmed=confirmed, **words)


def settle(store: Any, scripted: Any, answer: Any, *, thread: str = "t", **settings: Any) -> Any:
    """Run a turn on which SEM and LLM disagree, and answer the question."""
    model = scripted("none, proud", "I hear you.")
    hef = create_hef(model=model).compile(checkpointer=InMemorySaver(), store=store)
    config: Any = {"configurable": {"thread_id": thread}}
    context = HefContext(**{"user_id": "ana", "confirm_emotion": True, "max_requeries": 0, **settings})
    hef.invoke({"messages": [HumanMessage("My dog died last night.")]}, config, context=context)
    return hef.invoke(Command(resume=answer), config, context=context)


def texts(row: dict[str, Any]) -> list[str]:
    return [said["text"] for said in row["utterances"]]


def test_the_choice_of_a_run_becomes_a_row(store: ChromaStore, scripted: Any) -> None:
    settle(store, scripted, "devastated")

    (row,) = feedback_rows(store, "ana")
    assert row["emotion"] == "devastated"
    assert row["utterances"] == [
        {"role": "speaker", "text": "My dog died last night."},
        {"role": "listener", "text": "I hear you."},
    ]
    assert list(feedback_rows(store, "ben")) == []


def test_answering_the_same_question_again_leaves_one_row(store: ChromaStore, scripted: Any) -> None:
    settle(store, scripted, "devastated")
    settle(store, scripted, "lonely")

    assert [row["emotion"] for row in feedback_rows(store, "ana")] == ["lonely"]


@pytest.mark.parametrize("settings", [{"remember": False}, {"user_id": None}])
def test_nothing_is_kept_where_nothing_is_remembered(settings: Any, store: ChromaStore, scripted: Any) -> None:
    out = settle(store, scripted, "devastated", **settings)

    assert out["empathy"].confirmed
    assert store.search(()) == []


def test_a_rejection_names_no_emotion_and_is_no_row(store: ChromaStore, scripted: Any) -> None:
    settle(store, scripted, "reject")

    assert list(feedback_rows(store, "ana")) == []


def test_a_row_goes_back_in_its_thread_but_not_into_another_row(store: ChromaStore) -> None:
    turns = [turn(n, confirmed=n in (2, 3, 7)) for n in range(1, 9)]
    remember_turns(store, "ana", [*turns, turn(9, thread="other", confirmed=True), turn(6, thread="other")])

    rows = [texts(row) for row in feedback_rows(store, "ana")]

    assert rows == [
        ["said 1", "answered 1", "said 2", "answered 2"],
        ["said 3", "answered 3"],
        ["said 5", "answered 5", "said 6", "answered 6", "said 7", "answered 7"],
        ["said 6", "answered 6", "said 9", "answered 9"],
    ]


def test_turns_without_a_thread_are_no_context_of_each_other(store: ChromaStore) -> None:
    remember_turns(store, "ana", [turn(1, thread=""), turn(2, thread="", confirmed=True)])

    assert [texts(row) for row in feedback_rows(store, "ana")] == [["said 2", "answered 2"]]


def test_the_selection_and_the_user_limit_the_rows(store: ChromaStore) -> None:
    remember_turns(store, "ana", [turn(n, confirmed=True) for n in (1, 2)])
    remember_turn(store, "ben", turn(3, thread="b", confirmed=True, reply=""))

    late = Selection(since=1_793_000_002.0)
    assert [row["conv_id"] for row in feedback_rows(store, "ana", late)] == ["t2"]
    assert [row["conv_id"] for row in feedback_rows(store, None)] == ["t1", "t2", "b3"]
    assert [texts(row) for row in feedback_rows(store, "ben")] == [["said 3"]]


def test_what_is_forgotten_stands_in_no_row(store: ChromaStore) -> None:
    remember_turns(store, "ana", [turn(1), turn(2, confirmed=True), turn(3, confirmed=True)])

    erase_turns(store, "ana", Selection(ids=("t1", "t3")))

    assert [texts(row) for row in feedback_rows(store, "ana")] == [["said 2", "answered 2"]]


def test_an_exported_memory_takes_the_feedback_along(store: ChromaStore) -> None:
    remember_turns(store, "ana", [turn(1), turn(2, confirmed=True)])
    other = InMemoryStore()

    import_turns(other, list(export_turns(store, "ana")))

    assert list(feedback_rows(other, "ana")) == list(feedback_rows(store, "ana")) != []


def test_hef_train_learns_from_what_hef_feedback_export_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    said = [(emotion, text) for emotion, held in SAID.items() for text in held]
    with open_store(tmp_path) as store:
        remember_turns(
            store,
            "ana",
            [
                turn(n, thread=thread_id("ana", f"t{n}"), text=text, emotion=emotion, confirmed=True)
                for n, (emotion, text) in enumerate(said)
            ],
        )
    encoder, rows, run = tmp_path / "encoder", tmp_path / "rows.jsonl", tmp_path / "run"
    write_bert(encoder)

    wrote = CliRunner().invoke(app, ["train", "feedback", str(rows), "--user", "ana", "--json"])
    assert wrote.exit_code == 0, wrote.stderr
    assert json.loads(wrote.stdout) == {"file": str(rows), "conversations": len(said)}
    conversations, broken = read_conversations(rows)
    assert [(held.emotion, held.turns[0].text) for held in conversations] == said
    assert broken == []
    given = ["--data", rows, "--backbone", encoder, "--run", run, "--batch-size", 4, "--passes", 1, "--json"]
    trained = CliRunner().invoke(app, ["train", "sem", *map(str, given)])
    assert trained.exit_code == 0, trained.stderr
    assert json.loads(trained.stdout)["conversations"] == len(said)
    assert json.loads(trained.stdout)["broken"] == 0


def test_without_a_file_the_rows_go_to_stdout_and_nobody_has_any_yet(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", "feedback", "--user", "ana", "--home", str(tmp_path)])

    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("options", [["--everyone", "--user", "ana"], ["--json"]])
def test_options_that_do_not_go_together_are_told(options: list[str]) -> None:
    done = CliRunner().invoke(app, ["train", "feedback", *options])

    assert done.exit_code == 2
