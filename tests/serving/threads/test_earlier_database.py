"""A database of turns that an earlier state of the chat server made is read on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hef.contract import Memory
from hef.memory import aremember_turn, turn_id
from hef.serving.chat_conversations import Conversations
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.threads.transcript_prints import digest
from hef.serving.threads.turn_removal import remove_person
from langgraph.store.memory import InMemoryStore
from transcript_client import Clock, TranscriptClient

COLUMNS = (
    "id text PRIMARY KEY, scope text NOT NULL, thread text NOT NULL, parent text NOT NULL, number integer NOT NULL, "
    "shown integer NOT NULL, path text NOT NULL, said text NOT NULL, key text NOT NULL, active integer NOT NULL, "
    "asked double precision NOT NULL, answered double precision, delivered double precision, reply text NOT NULL"
)

REPLIES = (
    "scope text NOT NULL, reply text NOT NULL, opening text NOT NULL, turn text NOT NULL, PRIMARY KEY (turn, reply)"
)


async def test_a_turn_in_an_earlier_database_is_known_by_its_words(tmp_path: Path) -> None:
    path, scope = tmp_path / "turns.sqlite", digest("ana", None, "chat")
    turn = ("7", scope, scope, "6", 5, 5, digest("path"), digest("One."), "key", 1, 1.0, 2.0, 3.0, "")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE hef_chat_turns ({COLUMNS})")
        connection.execute(f"INSERT INTO hef_chat_turns VALUES ({', '.join('?' * len(turn))})", turn)
    store, clock = InMemoryStore(), Clock()
    conversations = Conversations(SqliteTurns(path), store, clock)

    await TranscriptClient(conversations, store, clock).ask("One.", "A reply.", "Two.", chat_id="chat")
    await conversations.close()

    key = bytes.fromhex(path.with_suffix(".key").read_text())
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT parent, number, said FROM hef_chat_turns WHERE id != '7'").fetchall()
    assert rows == [("7", 6, digest("Two.", key=key))]
    assert digest("One.").encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def earlier_database(path: Path, *turns: tuple[Any, ...], replies: Sequence[tuple[str, ...]] = ()) -> None:
    """Make a file as the server of before wrote it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE hef_chat_turns ({COLUMNS})")
        connection.execute(f"CREATE TABLE hef_chat_replies ({REPLIES})")
        connection.executemany(f"INSERT INTO hef_chat_turns VALUES ({', '.join('?' * 14)})", turns)
        connection.executemany("INSERT INTO hef_chat_replies VALUES (?, ?, ?, ?)", replies)


def earlier_turn(id: str, scope: str, thread: str, text: str) -> tuple[Any, ...]:
    """Return the row of a first turn."""
    words_hash = digest(text)
    key = digest(1, "", "", words_hash)
    return (id, scope, thread, "", 1, 1, digest("", text), words_hash, key, 1, 1.0, 2.0, 3.0, digest("areply"))


@pytest.mark.parametrize("chat_id", [None, "chat"])
async def test_a_turn_of_an_earlier_version_that_is_asked_again_keeps_its_place_in_the_memory(
    tmp_path: Path, chat_id: str | None
) -> None:
    path, scope = tmp_path / "turns.sqlite", digest("ana", None, chat_id)
    thread = scope if chat_id else "0123"
    turn = earlier_turn("7", scope, thread, "One.")
    earlier_database(path, turn, replies=[(scope, digest("areply"), "", "7")])
    store, clock = InMemoryStore(), Clock()
    clock.time = 10.0
    await aremember_turn(store, "ana", Memory(id=turn_id(thread, turn[8]), text="One.", reply="A.", time=1.0))
    conversations = Conversations(SqliteTurns(path), store, clock)
    client = TranscriptClient(conversations, store, clock)

    reply = await client.ask("One.", chat_id=chat_id)
    await client.ask("One.", reply, "Two.", chat_id=chat_id)
    await client.ask("One.", "A reply.", "Two, after the reply of before.", chat_id=chat_id)
    await conversations.close()

    assert client.remembered() == [(1, "One."), (2, "Two, after the reply of before.")]
    assert client.plan
    assert client.plan.thread_id == thread


async def test_the_turns_of_a_person_in_an_earlier_database_go_with_all_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "turns.sqlite"
    named, own = digest("ana", None, "chat"), digest("ana", None, None)
    nurse, other = digest("ana", "mia", None), digest("ben", None, None)
    earlier_database(
        path,
        earlier_turn("1", named, named, "By its thread."),
        earlier_turn("2", own, "02", "By its scope."),
        earlier_turn("3", nurse, "03", "By its character."),
        earlier_turn("4", other, "04", "Of another person."),
        earlier_turn("5", other, "05", "In a thread that is not the person's by its name."),
        replies=[(own, digest("areply"), "", "2"), (other, digest("areply"), "", "4")],
    )
    turns = SqliteTurns(path)

    assert await remove_person(turns, "ana", threads=[named], characters=["mia"]) == 3
    assert await turns.run("SELECT id FROM hef_chat_turns ORDER BY id") == [("4",), ("5",)]
    assert await turns.run("SELECT turn FROM hef_chat_replies") == [("4",)]
    await turns.close()
