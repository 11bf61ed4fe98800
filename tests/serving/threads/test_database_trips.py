"""How often a turn waits for the database, which may be another machine; locks come in addition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hef.serving.chat_conversations import Conversations
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.threads.turn_table import Statement
from langgraph.store.memory import InMemoryStore
from transcript_client import LATER, Clock, TranscriptClient


class CountedTurns(SqliteTurns):
    """A database that counts how often it is asked."""

    trips = 0

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.trips += 1
        return await super().run(sql, values)

    async def run_all(self, statements: Sequence[Statement]) -> None:
        self.trips += 1
        await super().run_all(statements)


@pytest.mark.parametrize(("chat_id", "trips"), [(None, (9, 10, 10)), ("chat", (8, 9, 9))])
async def test_a_turn_waits_for_the_database_no_more_often_than_it_must(
    chat_id: str | None, trips: tuple[int, ...]
) -> None:
    """Of a first turn, one that follows, and another reply to that one."""
    database, store, clock = CountedTurns(), InMemoryStore(), Clock()
    client = TranscriptClient(Conversations(database, store, clock), store, clock)
    counts: list[int] = []
    talk = ["One."]
    for is_followed in (True, False, False):
        before = database.trips
        reply = await client.ask(*talk, chat_id=chat_id)
        counts.append(database.trips - before)
        clock.time += LATER
        talk += [reply, "Two."] if is_followed else []

    assert tuple(counts) == trips
