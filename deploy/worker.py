"""A worker: answers the turns of a PostgreSQL table with HEF. It keeps nothing, and may be killed at any moment.

Start as many as the load wants. Who speaks for a person inserts a row into `hef_turns` and reads its `reply`; the id
of the message, chosen by the client, makes a row that is sent twice one row (`ON CONFLICT DO NOTHING`). A worker holds
the lock of the row that it answers; where it dies, PostgreSQL lets go of it, and the next worker resumes the thread.

Environment: `HEF_POSTGRES_URL`, `HEF_CHROMA_URL`, `HEF_MODEL` (such as `openai:NAME`, whose server stands in
`OPENAI_BASE_URL`), `HEF_AT_ONCE` (turns at once, 16 by default).
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, cast

from hef.contract import HefError
from hef.graph import HefContext, create_hef, open_store, trim_history
from langchain_core.messages import AIMessage, HumanMessage

try:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool
except ImportError as error:
    raise SystemExit("the worker keeps turns in PostgreSQL: install it with `pip install 'hef[postgres]'`") from error

TABLE = """
CREATE TABLE IF NOT EXISTS hef_turns (
    number bigserial PRIMARY KEY,
    id text NOT NULL UNIQUE,
    thread text NOT NULL,
    person text NOT NULL,
    said text NOT NULL,
    reply text,
    empathy jsonb,
    fault text
);
CREATE INDEX IF NOT EXISTS hef_turns_open ON hef_turns (thread, number) WHERE reply IS NULL AND fault IS NULL;
"""
NEXT = """
SELECT number, id, thread, person, said FROM hef_turns AS turn
WHERE reply IS NULL AND fault IS NULL AND NOT EXISTS (
    SELECT FROM hef_turns AS earlier
    WHERE earlier.thread = turn.thread AND earlier.number < turn.number AND reply IS NULL AND fault IS NULL
)
ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
"""
"""The oldest open turn, of a thread in which nothing older is open; nobody else gets it while it is locked."""
ANSWERED = "UPDATE hef_turns SET reply = %s, empathy = %s, fault = %s WHERE number = %s"
_FIRST = 4_711
"""The lock of whoever makes the tables; two that make them at once would trip over each other."""
KEPT = 200
"""Messages that a thread keeps; the table and the memory keep all."""
_IDLE = 0.2
"""Seconds between two looks at a table without an open turn."""


async def main() -> None:
    """Answer turns until the process ends."""
    url, at_once = os.environ["HEF_POSTGRES_URL"], int(os.environ.get("HEF_AT_ONCE") or 16)
    how: Any = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=1, max_size=2, kwargs=how) as pool:
        saver = AsyncPostgresSaver(cast(Any, pool))  # its rows are dicts by `row_factory`
        await prepare(url, saver)
        store = open_store(url=os.environ["HEF_CHROMA_URL"])
        builder = trim_history(create_hef(model=os.environ.get("HEF_MODEL") or None), KEPT)
        hef = builder.compile(checkpointer=saver, store=store, name="hef")
        print(json.dumps({"ready": True}), flush=True)
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work(url, hef))


async def prepare(url: str, saver: AsyncPostgresSaver) -> None:
    """Make the tables where they are missing, one worker after the other.

    Who comes second asks again and does not wait in a query: `setup` makes an index concurrently, which waits for
    every query that is under way.
    """
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        while (await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [_FIRST])).fetchone()) != (True,):
            await asyncio.sleep(_IDLE)
        await connection.execute(TABLE)
        await saver.setup()


async def work(url: str, hef: Any) -> None:
    """Answer one turn after the other; the transaction holds the lock of the row."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            told: dict[str, object] = {}
            async with connection.transaction():
                found = await (await connection.execute(NEXT)).fetchone()
                if found:
                    number, *turn = found
                    row, told = await settled(hef, *turn)
                    await connection.execute(ANSWERED, [*row, number])
            if found:
                print(json.dumps(told), flush=True)
            else:
                await asyncio.sleep(_IDLE)


async def settled(
    hef: Any, message: str, thread: str, person: str, said: str
) -> tuple[list[str | None], dict[str, object]]:
    """Return reply, empathy as JSON and fault of a turn, and what is printed of it."""
    try:
        reply, empathy, resumed = await answer(hef, message, thread, person, said)
    except HefError as error:
        return [None, None, str(error)], {"id": message, "fault": str(error)}
    return [reply, empathy, None], {"id": message, "resumed": resumed}


async def answer(hef: Any, message: str, thread: str, person: str, said: str) -> tuple[str, str, list[str]]:
    """Return reply and empathy of a turn, and the nodes at which it was resumed, if another worker had begun it.

    The id of the message tells what is left to do: it does not stand in the thread, so it is sent; it does, and the
    graph is at rest, so the reply stands behind it; or the turn was broken off, so it goes on where it was.
    """
    config: Any = {"configurable": {"thread_id": thread}}
    state = await hef.aget_state(config)
    begun = any(held.id == message for held in state.values.get("messages", []))
    values = state.values
    if not begun or state.tasks:  # `next` leaves out what was done but stands in no checkpoint yet
        given = None if begun else {"messages": [HumanMessage(said, id=message)]}
        values = await hef.ainvoke(given, config, context=HefContext(user_id=person))
    held = values["messages"]
    place = next(at for at, one in enumerate(held) if one.id == message)
    reply = next(str(one.text) for one in held[place:] if isinstance(one, AIMessage))
    return reply, values["empathy"].model_dump_json(), [task.name for task in state.tasks] if begun else []


if __name__ == "__main__":
    asyncio.run(main())
