"""`hef memory forget` and what `hef serve chat` knows of turns, also while it runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.cli.app import app
from hef.contract import Memory
from hef.graph import open_store
from hef.memory import aremember_turn
from hef.serving.chat_conversations import Conversations
from hef.serving.threads.postgres_turns import PostgresTurns
from langgraph.store.memory import InMemoryStore
from llm_server import llm_server
from lone_server import lone_server
from postgres_server import binaries, postgres_server
from transcript_client import Clock, TranscriptClient
from typer.testing import CliRunner

pytest.importorskip("langchain_openai")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HEF_POSTGRES_URL", "HEF_CHROMA_URL", "HEF_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def hef(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["memory", *arguments])
    assert done.exit_code == 0, done.output
    return done


def people(home: Path) -> list[int]:
    """Return how many turns the table has of each person, and how many replies of turns that it has not."""
    with closing(sqlite3.connect(home / "chat-turns.sqlite")) as connection:
        counts = connection.execute("SELECT count(*) FROM hef_chat_turns GROUP BY person ORDER BY 1").fetchall()
        lost = "SELECT count(*) FROM hef_chat_replies WHERE turn NOT IN (SELECT id FROM hef_chat_turns)"
        return [count for (count,) in counts] + [connection.execute(lost).fetchone()[0]]


def test_turns_are_forgotten_while_the_server_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"

    def ask(url: str, person: str, *said: str) -> str:
        roles = ("user", "assistant")
        messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]
        answer = httpx.post(
            f"{url}/v1/chat/completions", json={"messages": messages, "user": person}, timeout=120
        ).raise_for_status()
        return str(answer.json()["choices"][0]["message"]["content"])

    with llm_server(until=99) as llm, lone_server(home, llm.url) as server:
        first = ask(server.url, "ana", "My dog code1 died.")
        ask(server.url, "ana", "My dog code1 died.", first, "He was old.")
        ask(server.url, "ben", "I got a job.")
        assert people(home) == [1, 2, 0]
        turns = {line["turn"]["text"]: line["id"] for line in map_lines(hef("list", "--user", "ana", "--json").stdout)}

        hef("forget", "--user", "ana", "--id", turns["My dog code1 died."], "--yes")
        assert people(home) == [1, 1, 0]
        hef("forget", "--user", "ana", "--yes")
        assert people(home) == [1, 0]
        assert ask(server.url, "ana", "My dog code1 died.", first, "He was old.")
        assert people(home) == [1, 1, 0]


def map_lines(text: str) -> Iterator[Any]:
    lines = json.loads(text)
    return iter(lines if isinstance(lines, list) else [lines])


@pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server: apt-get install postgresql")
async def test_turns_in_postgresql_are_forgotten_by_thread_and_by_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg_pool")
    with postgres_server() as url:
        monkeypatch.setenv("HEF_POSTGRES_URL", url)
        store, clock = InMemoryStore(), Clock()
        client = TranscriptClient(Conversations(PostgresTurns(url), store, clock), store, clock)
        threads: list[str] = []
        for chat_id in ("monday", "friday"):
            await client.talk("One.", "Two.", chat_id=chat_id)
            assert client.plan
            threads.append(str(client.plan.thread_id))
        await client.ask("One.", person="ben")

        async def left() -> int:
            return (await client.conversations._table.database.run("SELECT count(*) FROM hef_chat_turns"))[0][0]

        with open_store(tmp_path / "home") as memory:  # of the other chat only one turn is in this memory
            await aremember_turn(memory, "ana", Memory(id="1", text="One.", thread=threads[1], time=1.0))
        hef("forget", "--user", "ana", "--thread", threads[0], "--yes")
        assert await left() == 3
        hef("forget", "--user", "ana", "--yes")
        assert await left() == 1
        hef("forget", "--user", "ana", "--yes")  # where nothing is left
        assert await left() == 1
        await client.conversations.close()


@pytest.mark.parametrize("content", [b"no database, but as long as the head of one would have to be" * 4, None])
def test_a_table_that_cannot_be_read_is_named_and_the_memory_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr("hef.serving.threads.postgres_turns._PATIENCE", 0.5)
    home = tmp_path / "home"
    with open_store(home) as memory:
        memory.put(("hef", "turns", "ana"), "1", {"text": "One.", "reply": "", "thread": "t", "time": 1.0})
    if content is None:
        monkeypatch.setenv("HEF_POSTGRES_URL", "postgresql://hef:secret@127.0.0.1:1/hef")
    else:
        (home / "chat-turns.sqlite").write_bytes(content)

    done = CliRunner().invoke(app, ["memory", "forget", "--user", "ana", "--yes"])

    assert done.exit_code == 1
    assert "hashes of what was said could not be deleted" in " ".join(done.stderr.split())
    assert "secret" not in done.output
    assert "Forgot 1 turn" in done.stdout
