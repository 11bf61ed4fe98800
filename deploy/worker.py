"""A worker: answers the turns of a PostgreSQL table with HEF. It is stateless and may be killed at any moment.

Start as many as the load needs. A client inserts a row into `hef_turns` and reads its `reply`; the id of the message,
chosen by the client, makes a row that is sent twice one row (`ON CONFLICT DO NOTHING`). A worker holds the lock of the
row that it answers; when it dies, PostgreSQL releases the lock, and the next worker resumes the thread.

Environment: `HEF_POSTGRES_URL`, `HEF_CHROMA_URL`, `HEF_MODEL` (such as `openai:NAME`, whose server is
`OPENAI_BASE_URL`), `HEF_AT_ONCE` (turns at once, 16 by default).
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, cast

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")  # read on import: checkpoints build HEF's own objects alone

from hef.contract import HefError, as_context
from hef.graph import create_hef, open_store, trim_history
from langchain_core.messages import AIMessage, HumanMessage

try:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool
except ImportError as error:
    raise SystemExit(
        "the worker stores turns in PostgreSQL: install its client with `pip install 'hef[postgres]'`"
    ) from error

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
"""The oldest open turn of a thread without an older open one; no other worker gets it while it is locked."""
ANSWERED = "UPDATE hef_turns SET reply = %s, empathy = %s, fault = %s WHERE number = %s"
_SETUP_LOCK = 4_711
"""Key of the advisory lock for creating the tables; two workers that create them at once would fail."""
MAX_MESSAGES = 200
"""Messages that a thread keeps; the table and the memory keep all."""
_POLL_SECONDS = 0.2
"""Time between two queries of a table without an open turn."""


async def main() -> None:
    """Answer turns until the process ends."""
    url, at_once = os.environ["HEF_POSTGRES_URL"], int(os.environ.get("HEF_AT_ONCE") or 16)
    options: Any = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=1, max_size=2, kwargs=options) as pool:
        saver = AsyncPostgresSaver(cast(Any, pool))  # its rows are dicts by `row_factory`
        await prepare(url, saver)
        store = open_store(url=os.environ["HEF_CHROMA_URL"])
        builder = trim_history(create_hef(model=os.environ.get("HEF_MODEL") or None), MAX_MESSAGES)
        hef = builder.compile(checkpointer=saver, store=store, name="hef")
        print(json.dumps({"ready": True}), flush=True)
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work(url, hef))


async def prepare(url: str, saver: AsyncPostgresSaver) -> None:
    """Create the tables where they are missing, one worker after the other.

    The second worker polls for the lock and does not wait in a query: `setup` creates an index concurrently, which
    waits for every query in progress.
    """
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        while (await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [_SETUP_LOCK])).fetchone()) != (
            True,
        ):
            await asyncio.sleep(_POLL_SECONDS)
        await connection.execute(TABLE)
        await saver.setup()


async def work(url: str, hef: Any) -> None:
    """Answer one turn after the other; the transaction holds the lock of the row."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            report: dict[str, object] = {}
            async with connection.transaction():
                row = await (await connection.execute(NEXT)).fetchone()
                if row:
                    number, *turn = row
                    columns, report = await answer_or_fault(hef, *turn)
                    await connection.execute(ANSWERED, [*columns, number])
            if row:
                print(json.dumps(report), flush=True)
            else:
                await asyncio.sleep(_POLL_SECONDS)


async def answer_or_fault(
    hef: Any, message: str, thread: str, person: str, text: str
) -> tuple[list[str | None], dict[str, object]]:
    """Return the columns reply, empathy (JSON) and fault of a turn, and the report that is printed."""
    try:
        reply, empathy, resumed = await answer(hef, message, thread, person, text)
    except HefError as error:
        return [None, None, str(error)], {"id": message, "fault": str(error)}
    return [reply, empathy, None], {"id": message, "resumed": resumed}


async def answer(hef: Any, message: str, thread: str, person: str, text: str) -> tuple[str, str, list[str]]:
    """Return reply and empathy of a turn, and the nodes at which it was resumed if another worker had begun it.

    The id of the message tells what is left to do. Not in the thread: the message is sent. In the thread, and no task
    is open: the reply follows it. Otherwise the turn was interrupted and is resumed.
    """
    config: Any = {"configurable": {"thread_id": thread}}
    state = await hef.aget_state(config)
    begun = any(earlier.id == message for earlier in state.values.get("messages", []))
    values = state.values
    if not begun or state.tasks:  # `next` leaves out tasks that are done but not in a checkpoint yet
        update = None if begun else {"messages": [HumanMessage(text, id=message)]}
        values = await hef.ainvoke(update, config, context=as_context({"user_id": person}))
    messages = values["messages"]
    index = next(position for position, earlier in enumerate(messages) if earlier.id == message)
    reply = next(str(later.text) for later in messages[index:] if isinstance(later, AIMessage))
    return reply, values["empathy"].model_dump_json(), [task.name for task in state.tasks] if begun else []


if __name__ == "__main__":
    asyncio.run(main())
