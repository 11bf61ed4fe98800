"""A database of turns that an earlier state of the chat server made is read on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hef.serving.chat_conversations import Conversations
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.threads.transcript_prints import digest
from langgraph.store.memory import InMemoryStore
from transcript_client import Clock, TranscriptClient

COLUMNS = (
    "id text PRIMARY KEY, scope text NOT NULL, thread text NOT NULL, parent text NOT NULL, number integer NOT NULL, "
    "shown integer NOT NULL, path text NOT NULL, said text NOT NULL, key text NOT NULL, active integer NOT NULL, "
    "asked double precision NOT NULL, answered double precision, delivered double precision, reply text NOT NULL"
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

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT parent, number, said FROM hef_chat_turns WHERE id != '7'").fetchall()
    assert rows == [("7", 6, digest("Two."))]
