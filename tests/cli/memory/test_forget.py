"""`hef memory forget` after `hef chat`: what is forgotten is in no file of the folder, or it is said what is left."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.chat.chat_threads import CONVERSATIONS, thread_id
from hef.cli.chat.conversation_file import sole_writer
from hef.cli.chat.forget_conversations import without_turns
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from scripted_chat import ScriptedChat
from typer.testing import CliRunner

BELLO = "My dog Bello died in the garden last night."


@pytest.fixture
def hef(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run a command in a folder of its own, with a scripted LLM."""
    for name in ("HEF_USER", "HEF_CHROMA_URL", "HEF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    model = ScriptedChat(script=["I hear you.", "That is hard.", "Tell me more."])
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)

    def run(*arguments: str, stdin: str = "") -> Any:
        options = ("--strategy", "sem_only") if arguments[0] == "chat" else ()
        return CliRunner().invoke(app, [*arguments, *options, "--home", str(tmp_path / "home")], input=stdin)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def turn_ids(hef: Callable[..., Any]) -> dict[str, str]:
    lines = json.loads(hef("memory", "list", "--json").stdout)
    return {line["turn"]["text"]: line["id"] for line in lines}


def holding(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_a_forgotten_conversation_is_in_no_other_one_that_recalled_it(hef: Callable[..., Any], home: Path) -> None:
    hef("chat", "--thread", "monday", stdin=f"{BELLO}\n")
    hef("chat", "--thread", "friday", stdin="I miss my dog so much.\n")
    assert CONVERSATIONS in holding(home, "Bello")

    done = hef("memory", "forget", "--thread", "monday", "--yes", "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["shortened"] == 1
    assert holding(home, "Bello") == []
    assert "1 turn so far" in hef("chat", "--thread", "friday").stdout
    again = hef("chat", "--thread", "friday", "--json", stdin="He was so old.\n")
    assert json.loads(again.stdout)["reply"].strip()


def test_one_turn_is_forgotten_alone(hef: Callable[..., Any], home: Path) -> None:
    hef("chat", stdin=f"I passed my driving test.\n{BELLO}\nI cannot sleep since then.\n")

    done = hef("memory", "forget", "--id", turn_ids(hef)[BELLO], "--yes")

    assert done.exit_code == 0, done.output
    assert done.stdout == "Forgot 1 turn of me; took what was forgotten out of 1 conversation.\n"
    assert holding(home, "Bello") == []
    assert sorted(turn_ids(hef)) == ["I cannot sleep since then.", "I passed my driving test."]
    shown = hef("chat", stdin="Hello again.\n")
    assert "2 turns so far" in shown.stdout
    assert "I cannot sleep since then." in shown.stdout
    assert shown.exit_code == 0


def test_a_forgotten_turn_does_not_live_on_as_the_cause_of_a_later_one(hef: Callable[..., Any], home: Path) -> None:
    hef("chat", "--thread", "monday", stdin="My brother Kasimir is in prison.\nI feel so ashamed of it.\n")

    done = hef("memory", "forget", "--id", turn_ids(hef)["My brother Kasimir is in prison."], "--yes")

    assert done.exit_code == 0, done.stderr
    assert holding(home, "Kasimir") == []


def test_the_same_words_in_another_turn_are_told(hef: Callable[..., Any], home: Path) -> None:
    for thread in ("monday", "friday"):
        hef("chat", "--thread", thread, stdin=f"{BELLO}\n")
    first, second = (line["id"] for line in json.loads(hef("memory", "list", "--json").stdout))

    done = hef("memory", "forget", "--id", first, "--yes")

    assert f"the same words stand in the turn {second[:12]}" in " ".join(done.stderr.split())


def test_of_a_long_turn_which_is_stored_by_its_end_the_others_stay() -> None:
    long = " ".join(f"word{n}" for n in range(5_000))
    messages: list[AnyMessage] = [
        message
        for text, reply in (("Hi.", "Hello."), (long, "I see."), ("Bye.", "Bye!"))
        for message in (HumanMessage(text), AIMessage(reply))
    ]

    kept = without_turns(messages, [{"text": long[-20_000:], "reply": "I see."}])

    assert kept == [*messages[:2], *messages[4:]]


def test_words_that_were_said_again_stay_where_they_were_said_and_that_is_told(
    hef: Callable[..., Any], home: Path
) -> None:
    hef("chat", "--thread", "monday", stdin=f"{BELLO}\n")
    first = turn_ids(hef)[BELLO]
    hef("chat", "--thread", "friday", stdin=f"{BELLO}\n")

    done = hef("memory", "forget", "--id", first, "--yes")

    assert done.exit_code == 0, done.output
    assert "stand elsewhere in the conversation friday" in done.stderr
    assert "1 turn so far" in hef("chat", "--thread", "friday").stdout
    assert "New conversation" in hef("chat", "--thread", "monday").stdout


def test_a_file_that_another_program_reads_is_named_and_rewritten_later(
    hef: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hef("chat", stdin=f"{BELLO}\n")
    monkeypatch.setattr("hef.cli.chat.forget_conversations._READER_TIMEOUT_MS", 100)
    with closing(sqlite3.connect(home / CONVERSATIONS)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM checkpoints").fetchone()
        done = hef("memory", "forget", "--yes")
        assert holding(home, "Bello") != []

    assert done.exit_code == 1
    assert f"left in {home / CONVERSATIONS}: another program is reading it" in done.stderr
    assert hef("memory", "compact").exit_code == 0
    assert holding(home, "Bello") == []


def test_a_memory_that_another_program_reads_is_named_and_rewritten_later(
    hef: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hef("chat", stdin=f"{BELLO}\n")
    monkeypatch.setattr("hef.memory.chroma.chroma_internals._LOCK_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(home / "memory" / "chroma.sqlite3")) as reader:
        from hef.memory.chroma.disk import compaction

        purge = compaction.purge_deleted

        def read_meanwhile(database: sqlite3.Connection) -> None:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM collections").fetchone()
            purge(database)

        monkeypatch.setattr(compaction, "purge_deleted", read_meanwhile)
        done = hef("memory", "forget", "--yes")
    monkeypatch.setattr(compaction, "purge_deleted", purge)

    assert done.exit_code == 1
    assert "chroma.sqlite3 is in use by another program" in done.stderr
    assert json.loads(hef("memory", "list", "--json").stdout) == []
    assert holding(home, "Bello") == []


def test_the_dev_servers_files_are_named(hef: Callable[..., Any], home: Path, tmp_path: Path) -> None:
    hef("chat", stdin=f"{BELLO}\n")
    pickles = tmp_path / ".langgraph_api"
    pickles.mkdir()
    (pickles / "store.pckl").write_bytes(b"\x80\x04" + BELLO.encode() + b".")
    (pickles / "other.pckl").write_bytes(b"\x80\x04harmless.")

    done = hef("memory", "forget", "--yes", "--json")

    assert done.exit_code == 1
    (left,) = json.loads(done.stdout)["left"]
    assert str(pickles / "store.pckl") in left
    assert f"delete {pickles}" in left


def test_turns_are_forgotten_out_of_a_conversation_that_is_open(hef: Callable[..., Any], home: Path) -> None:
    hef("chat", "--thread", "monday", stdin=f"{BELLO}\n")
    with sole_writer(home, thread_id("me", "monday"), "monday"):
        done = hef("memory", "forget", "--yes")

    assert done.exit_code == 0, done.stderr
    assert holding(home, "Bello") == []


def test_conversations_on_a_full_disk_are_deleted_with_the_room_of_the_reserve(
    hef: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hef.cli.chat import forget_conversations as module

    hef("chat", stdin=f"{BELLO}\n")
    reserve, rewrite = home / "memory" / "reserve", module._rewrite

    def full(connection: sqlite3.Connection, file: Path) -> Any:
        if reserve.exists():
            raise sqlite3.OperationalError("database or disk is full")
        return rewrite(connection, file)

    monkeypatch.setattr(module, "_rewrite", full)
    assert reserve.exists()

    done = hef("memory", "forget", "--yes")

    assert done.exit_code == 0, done.output
    assert holding(home, "Bello") == []


SAYINGS = st.lists(st.sampled_from(["a dog", "a cat", "yes", "no"]), min_size=1, max_size=2)


@given(st.lists(SAYINGS, min_size=1, max_size=5), st.data())
def test_what_remains_of_a_conversation_are_its_other_turns(turns: list[list[str]], data: st.DataObject) -> None:
    messages: list[AnyMessage] = []
    for number, said in enumerate(turns):
        messages += [*map(HumanMessage, said), AIMessage(f"reply {number}")]
    forgotten = data.draw(st.sets(st.integers(0, len(turns) - 1)))
    stored = [{"text": "\n".join(turns[number]), "reply": f"reply {number}"} for number in forgotten]

    kept = without_turns(messages, stored)

    assert kept is not None
    assert [one.text for one in kept if one.type == "ai"] == [
        f"reply {number}" for number in range(len(turns)) if number not in forgotten
    ]
    assert without_turns(messages, [*stored, {"text": "never said", "reply": ""}]) is None
