"""What hef 0.1 wrote is read today: see `tests/support/files_of_0_1/README.md`."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.contract import PoolingWeights, Reading, RecallWeights
from hef.graph import HefContext, create_hef, open_store
from hef.llm import resolve_model
from hef.memory import export_turns, import_turns, list_turns
from hef.sem import LlmSem
from hef.sem.plugins.http_schema import DescriptionMessage
from hef.training.adapter.adapter_recipe import AdapterRecipe
from hef.training.run_folder import RunFolder
from hef.training.sem.sem_recipe import SemRecipe
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from typer.testing import CliRunner

FILES = Path(__file__).parents[1] / "support" / "files_of_0_1"
CONTEXT = HefContext(user_id="ana")
BELLO, DOOR = "My dog Bello died last night.", "He waited for me at the door every day."
REPLIES = ["I am sorry.", "He must have been a good dog."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the files."""
    shutil.copytree(FILES, tmp_path / "files")
    with zipfile.ZipFile(FILES / "threads_and_memory.zip") as archive:
        archive.extractall(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def saver(folder: Path) -> Iterator[SqliteSaver]:
    connection = sqlite3.connect(folder / "threads.db", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def texts(state: dict[str, Any]) -> list[str]:
    return [message.text for message in state["messages"]]


def test_a_thread_is_read_and_continued(saver: SqliteSaver, scripted: Any) -> None:
    model = scripted("sad", "You miss him.")
    hef: Any = create_hef(model=model).compile(checkpointer=saver)

    before = hef.get_state(config("finished")).values
    after = hef.invoke({"messages": [HumanMessage("Nobody waits now.")]}, config("finished"), context=CONTEXT)

    first, second = before["readings"]
    assert isinstance(first, Reading)
    assert (first.view, first.pool_weight, first.truncated_turns) == ("dialogue", 1.0, 0)
    assert (second.view, second.pool_weight, second.round) == ("speaker", 0.35, 1)
    assert second.evidence.hypothesis == "proud"
    assert before["verdict"].requeries == 1
    assert before["empathy"].emotion == "sad"
    assert before["empathy"].causes[0].text == "died"
    assert texts(after) == [BELLO, REPLIES[0], DOOR, REPLIES[1], "Nobody waits now.", "You miss him."]
    assert f"Speaker: {BELLO}" in model.prompts[0][-1].text
    assert hef.get_state(config("finished")).values["explanations"]["sem_emotion"].startswith("minilm")


def test_a_turn_that_waits_for_a_person_is_answered(saver: SqliteSaver, scripted: Any) -> None:
    hef: Any = create_hef(model=scripted("That is unfair.")).compile(checkpointer=saver)
    (task,) = hef.get_state(config("paused")).tasks

    asking = HefContext(user_id="ana", primary=1, confirm_emotion=True)
    out = hef.invoke(Command(resume="annoyed"), config("paused"), context=asking)

    assert task.name == "confirm_emotion"
    assert (out["empathy"].emotion, out["empathy"].confirmed, out["empathy"].degraded) == ("annoyed", True, None)
    assert out["messages"][-1].text == "That is unfair."


@pytest.mark.parametrize(("thread", "answers"), [("killed_after_sem", 2), ("killed_after_llm", 1)])
def test_a_turn_whose_process_died_is_finished(thread: str, answers: int, saver: SqliteSaver, scripted: Any) -> None:
    model = scripted(*["sad", "That hurts."][-answers:])
    hef: Any = create_hef(model=model).compile(checkpointer=saver)
    assert hef.get_state(config(thread)).tasks

    # The SEM is sure of what was said here, and that version asked the LLM in every turn.
    out = hef.invoke(None, config(thread), context=HefContext(user_id="ana", ask="always"))

    assert texts(out) == ["Nobody came to my birthday.", "That hurts."]
    assert (out["empathy"].emotion, out["empathy"].agreed, out["empathy"].degraded) == ("lonely", True, None)
    assert len(model.prompts) == answers


def test_a_memory_is_read_searched_and_written(folder: Path, scripted: Any) -> None:
    with open_store(folder / "memory") as store:
        turns = list_turns(store, "ana")
        hef = create_hef(model=scripted("sad", "He stays with you.")).compile(store=store)
        out = hef.invoke({"messages": [HumanMessage("I dreamt of my dog.")]}, context=CONTEXT)

        assert [(turn.text, turn.reply, turn.emotion) for turn in turns] == [
            (DOOR, REPLIES[1], "sad"),
            (BELLO, REPLIES[0], "sad"),
        ]
        assert set(out["empathy"].memories) == {turn.id for turn in turns}
        assert len(list_turns(store, "ana")) == 3


def test_a_turn_that_is_repeated_is_not_stored_once_more(folder: Path, scripted: Any) -> None:
    store = InMemoryStore()
    import_turns(store, (folder / "memory.jsonl").read_text(encoding="utf-8").splitlines())
    before = {turn.id: turn.thread for turn in list_turns(store, "ana")}
    (thread,) = {turn.thread for turn in list_turns(store, "ana") if turn.text == BELLO}
    hef = create_hef(model=scripted("sad", "Once more.")).compile(store=store)

    hef.invoke({"messages": [HumanMessage(BELLO)]}, {"configurable": {"thread_id": thread}}, context=CONTEXT)

    assert {turn.id: turn.thread for turn in list_turns(store, "ana")} == before
    assert "Once more." in {turn.reply for turn in list_turns(store, "ana")}


def test_an_export_is_imported_and_equals_the_folder_it_came_from(folder: Path) -> None:
    lines = (folder / "memory.jsonl").read_text(encoding="utf-8").splitlines()
    store = InMemoryStore()

    report = import_turns(store, lines)

    assert (report.added, report.broken) == (2, [])
    assert [turn.text for turn in list_turns(store, "ana")] == [DOOR, BELLO]
    with open_store(folder / "memory") as chroma:
        assert [json.loads(line) for line in export_turns(chroma, None)] == [json.loads(line) for line in lines]
        assert import_turns(chroma, lines).unchanged == 2


def test_a_stored_context_is_read_under_todays_names(folder: Path) -> None:
    context = HefContext.model_validate_json((folder / "context.json").read_text(encoding="utf-8"))

    assert context.prompt_all_labels == "Which of $labels? $dialogue"
    assert context.memory_weights == RecallWeights(
        similarity=0.9, lexical=0.2, length=0.4, recency=0.1, emotion=0.3, min_similarity=0.1, half_life_days=7
    )
    assert HefContext.model_validate_json(context.model_dump_json()) == context


def test_pooling_weights_are_read(folder: Path) -> None:
    weights = PoolingWeights.from_file(folder / "fit.json")

    assert (weights.sem, weights.model, weights.form) == ("minilm", "SmolLM2-135M-HEF", "scored")
    assert weights.bias == {"sad": 0.25}
    assert weights.origin is not None
    assert weights.origin.held_out == -1.85


def test_a_fit_of_the_embedded_llm_as_sem_is_read_under_its_name_of_today(folder: Path) -> None:
    fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    (folder / "fit.json").write_text(json.dumps({**fit, "sem": "llm:embedded"}), encoding="utf-8")

    sem = LlmSem(resolve_model("embedded"))

    assert PoolingWeights.from_file(folder / "fit.json").sem == sem.description.name


def test_a_sem_service_of_0_1_is_understood() -> None:
    about = {"name": "theirs", "taxonomy": {"name": "two", "labels": ["sad", "glad"]}, "figures": {"top1": 0.5}}

    assert DescriptionMessage.model_validate({"description": about}).description.metrics == {"top1": 0.5}


def test_training_runs_go_on_with_their_recipe(folder: Path) -> None:
    recipe = SemRecipe(backbone="tiny", passes=2, batch_size=4, learning_rate=1e-2, average_decay=0.0, held_out=0.1)

    RunFolder(folder / "sem_run", recipe)
    RunFolder(folder / "adapter_run", AdapterRecipe(rank=4, passes=1))

    stored = (folder / "sem_run" / "recipe.json").read_text(encoding="utf-8")
    assert SemRecipe.model_validate_json(stored) == recipe


@pytest.mark.parametrize(
    ("kind", "kept", "options"),
    [
        ("replies", "replies.jsonl", ["--limit", "1"]),
        ("emotion", "answers.jsonl", ["--strategy", "two_stage"]),
    ],
)
def test_an_evaluation_run_takes_what_it_has_and_asks_nothing_again(
    kind: str, kept: str, options: list[str], folder: Path
) -> None:
    run = folder / f"{kind}_run"
    before = (run / kept).read_text(encoding="utf-8")

    arguments = ["evaluate", kind, "--data", str(folder / "conversations.jsonl"), "--run", str(run), *options]
    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 0, done.stderr
    assert (run / kept).read_text(encoding="utf-8") == before
