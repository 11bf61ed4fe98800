"""Two processes with one PostgreSQL: a turn is answered by one of them, and a lock ends with its holder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hef.contract import SetupError
from hef.serving.api_errors import ApiError
from hef.serving.chat_conversations import Conversations
from hef.serving.threads.postgres_turns import PostgresTurns
from hef.serving.threads.transcript_prints import digest
from langgraph.store.memory import InMemoryStore
from postgres_server import binaries, postgres_server
from transcript_client import LATER, Clock, TranscriptClient, spoken

psycopg = pytest.importorskip("psycopg")
psycopg_pool = pytest.importorskip("psycopg_pool")
COLUMNS = (
    "id text PRIMARY KEY, scope text NOT NULL, thread text NOT NULL, parent text NOT NULL, number integer NOT NULL, "
    "shown integer NOT NULL, path text NOT NULL, said text NOT NULL, key text NOT NULL, active integer NOT NULL, "
    "asked double precision NOT NULL, answered double precision, delivered double precision, reply text NOT NULL"
)
"""Of the table as an earlier version made it."""
pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server: apt-get install postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
async def clients(server: str) -> AsyncIterator[list[TranscriptClient]]:
    """Two processes that answer, with one memory."""
    store, clock = InMemoryStore(), Clock()
    both = [TranscriptClient(Conversations(PostgresTurns(server), store, clock), store, clock) for _ in range(2)]
    yield both
    for client in both:
        await client.conversations.close()
    with psycopg.connect(server) as connection:
        connection.execute("TRUNCATE hef_chat_turns, hef_chat_replies, hef_chat_answers")


async def test_tables_are_created_by_whoever_comes_first(clients: list[TranscriptClient]) -> None:
    replies = await asyncio.gather(*(client.ask("One.", person=f"p{n}") for n, client in enumerate(clients)))
    assert len(replies) == 2


async def test_a_turn_that_two_processes_get_is_answered_by_one(clients: list[TranscriptClient]) -> None:
    asked = [client.ask("One.", chat_id=chat_id) for client in clients for chat_id in ("chat", None) for _ in range(3)]
    replies = await asyncio.gather(*asked)

    assert sum(client.runs for client in clients) == 2
    assert len(set(replies[:3] + replies[6:9])) == 1
    assert len(set(replies[3:6] + replies[9:])) == 1


async def test_a_conversation_goes_on_in_another_process(clients: list[TranscriptClient]) -> None:
    one, other = clients
    said = await one.talk("One.", "Two.")
    reply = await other.ask(*said[:2], "Two, edited.")
    one.clock.time += LATER
    await one.ask(*said[:2], "Two, edited.", reply, "Three.")

    assert one.remembered() == [(1, "One."), (2, "Two, edited."), (3, "Three.")]


async def test_a_turn_of_a_process_that_died_is_run_by_the_other(clients: list[TranscriptClient]) -> None:
    one, other = clients
    plan = await one.conversations.open(person="ana", character=None, chat_id=None, messages=spoken("One."))
    waiting = asyncio.create_task(other.ask("One."))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done

    await one.conversations.close()  # as its death would, this ends its connections

    await asyncio.wait_for(waiting, 10)
    assert other.plan
    assert other.plan.thread_id == plan.thread_id
    assert other.remembered() == [(1, "One.")]


async def test_a_lock_that_nobody_waits_for_any_more_is_free(clients: list[TranscriptClient]) -> None:
    one, other = clients
    for place in range(20):  # cancelled at many places
        task = asyncio.create_task(one.ask("One.", chat_id="chat"))
        await asyncio.sleep(place / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.wait_for(other.ask("One.", "A.", "Two.", chat_id="chat"), 5)


async def test_a_connection_that_broke_is_made_anew(clients: list[TranscriptClient], server: str) -> None:
    client = clients[0]
    said = await client.talk("One.")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    await client.ask(*said, "Two.")
    assert client.remembered() == [(1, "One."), (2, "Two.")]


async def test_statements_of_one_trip_run_all_or_none_and_again_where_the_connection_broke(
    clients: list[TranscriptClient], server: str
) -> None:
    turns = PostgresTurns(server)
    add, count = "INSERT INTO hef_chat_answers (turn, answer) VALUES (?, ?)", "SELECT count(*) FROM hef_chat_answers"
    try:
        await turns.run(count)
        with pytest.raises(psycopg.errors.UniqueViolation):
            await turns.run_all([(add, ["a", "A."]), (add, ["a", "B."])])
        assert await turns.run(count) == [(0,)]
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

        await turns.run_all([(add, ["a", "A."]), (add, ["b", "B."])])
        assert await turns.run(count) == [(2,)]
    finally:
        await turns.close()


async def test_connections_that_are_lost_one_after_the_other_cost_no_request(server: str) -> None:
    turns, tries = PostgresTurns(server), 0

    async def run_on(connection: Any) -> int:
        nonlocal tries
        tries += 1
        if tries <= 4:
            raise psycopg.OperationalError("the connection is lost")
        return tries

    try:
        assert await turns._with_connection(run_on) == 5
        tries = -100
        with pytest.raises(ApiError):
            await turns._with_connection(run_on)
        assert tries == -95
    finally:
        await turns.close()


async def test_where_no_connection_can_be_had_nobody_waits_twice(server: str) -> None:
    turns, tries = PostgresTurns(server), 0

    async def run_on(connection: Any) -> None:
        nonlocal tries
        tries += 1
        raise psycopg_pool.PoolTimeout

    try:
        with pytest.raises(ApiError):
            await turns._with_connection(run_on)
        assert tries == 1
    finally:
        await turns.close()


async def test_an_answer_is_kept_until_its_client_has_it(clients: list[TranscriptClient], server: str) -> None:
    def words() -> list[str]:
        with psycopg.connect(server) as connection:
            return [row[0] for row in connection.execute("SELECT answer FROM hef_chat_answers") if row[0][0] == "{"]

    one, other = clients
    await one.ask("One.", chat_id="chat")
    await one.ask("One.", is_delivered=False)
    assert len(words()) == 2
    for seconds, number in ((60, 1), (600, 0)):
        one.clock.time += seconds
        await other.conversations.open(person="bo", character=None, chat_id=f"{seconds}", messages=spoken("One."))
        assert len(words()) == number


async def test_hashes_of_an_earlier_version_get_the_key_that_all_processes_share(server: str) -> None:
    address = server.replace("/postgres", "/earlier")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE earlier")
    with psycopg.connect(address) as connection:
        connection.execute(f"CREATE TABLE hef_chat_turns ({COLUMNS})")
        turn = ("7", "s", "s", "6", 5, 5, digest("path"), digest("One."), "key", 1, 1.0, 2.0, 3.0, "")
        connection.execute(f"INSERT INTO hef_chat_turns VALUES ({', '.join(['%s'] * 14)})", turn)

    both = [PostgresTurns(address) for _ in range(2)]
    try:
        keys = await asyncio.gather(*(turns.key() for turns in both))
        rows = await both[1].run("SELECT path, said, reply, person FROM hef_chat_turns")
    finally:
        for turns in both:
            await turns.close()

    assert keys[0] == keys[1]
    assert rows == [(digest("path", key=keys[0]), digest("One.", key=keys[0]), "", "")]


async def test_a_database_that_is_out_of_reach_is_a_503_and_names_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hef.serving.threads.postgres_turns._PATIENCE", 0.5)
    turns = PostgresTurns("postgresql://hef:secret@127.0.0.1:1/hef")
    conversations = Conversations(turns)
    with pytest.raises(ApiError, match="send the request again") as raised:
        await conversations.open(person="ana", character=None, chat_id=None, messages=spoken("One."))
    assert raised.value.status == 503
    assert "secret" not in caplog.text + str(raised.value)


def test_without_its_client_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SetupError, match=r"pip install 'hef\[postgres\]'"):
        PostgresTurns("postgresql://nobody")
