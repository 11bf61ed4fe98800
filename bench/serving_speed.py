"""What HEF itself costs a server: turns a second of many conversations, and how a turn grows with its thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore
from pydantic import BaseModel, ConfigDict, Field

from ..contract import HefContext, SetupError
from ..graph import create_hef, trim_history
from ..sem import Sem
from .counting_serde import CountedSerde
from .synthetic_turns import made_turn
from .zero_latency_chat import REPLY, InstantChat

Report = Callable[[str, int, int], None]
"""Called with what is done, how far it is, and of how much."""
WARM = 3
"""Turns before those that count."""


class ConcurrencyFigures(BaseModel):
    """Some conversations at once."""

    model_config = ConfigDict(frozen=True)

    conversations: int = Field(description="Conversations at once, each of another person")
    turns: int = Field(description="Turns of all of them")
    turns_per_second: float = Field(description="Turns a second")
    p50_ms: float = Field(description="Milliseconds of a turn, median")
    p95_ms: float = Field(description="Milliseconds of a turn, 95th percentile")
    cpu_ms: float = Field(description="Milliseconds of processor time a turn, all threads of this process")


class Length(BaseModel):
    """A turn at one length of its thread; medians."""

    model_config = ConfigDict(frozen=True)

    turn: int = Field(description="Which turn of the thread it is")
    repeats: int = Field(description="How many threads were measured")
    p50_ms: float = Field(description="Milliseconds of the turn")
    cpu_ms: float = Field(description="Milliseconds of processor time")
    calls: float = Field(description="LLM calls")
    prompt_characters: float = Field(description="Characters of all prompts of the turn")
    written_kb: float = Field(description="10^3 bytes that the checkpointer is given to write")
    read_kb: float = Field(description="10^3 bytes that the checkpointer reads")


class ServeSpeed(BaseModel):
    """What HEF costs where the LLM costs nothing."""

    model_config = ConfigDict(frozen=True)

    sem: str = Field(description="Name of the SEM")
    checkpointer: str = Field(description="Class of the checkpointer")
    crowds: tuple[ConcurrencyFigures, ...] = Field(description="By conversations at once")
    lengths: tuple[Length, ...] = Field(description="By length of the thread")


async def measure_serving(
    sem: Sem,
    store: BaseStore,
    *,
    crowds: Sequence[int],
    lengths: Sequence[int],
    turns: int = 4,
    repeats: int = 5,
    keep: int | None = None,
    postgres: str | None = None,
    report: Report = lambda doing, done, total: None,
) -> ServeSpeed:
    """Run conversations with an LLM that answers at once, in one process.

    Args:
        sem: The SEM.
        store: The memory; what is written stays there.
        crowds: How many conversations at once.
        lengths: Which turns of a thread are measured; the turns before are put there at once.
        turns: Turns of each conversation of a crowd.
        repeats: Threads of each length, taken in turns, so that a busy moment meets all lengths.
        keep: How many messages a thread keeps, see `keep_newest`; None keeps all.
        postgres: Address of a PostgreSQL for the checkpoints; None keeps them in this process.
        report: Told of the progress.
    """
    serde, chat = CountedSerde(), InstantChat(labels=tuple(sem.description.taxonomy.labels))
    async with _checkpointer(postgres, serde) as saver:
        builder = create_hef(model=chat, sem=sem)
        if keep is not None:
            trim_history(builder, keep)
        bench = _Bench(builder.compile(checkpointer=saver, store=store), serde, chat)
        for place in range(WARM):
            await bench.turn("warm", "warm", place)
        held = []
        for place, count in enumerate(crowds):
            held.append(await bench.crowd(count, turns))
            report("conversations at once", place + 1, len(crowds))
        seen: dict[int, list[dict[str, float]]] = {length: [] for length in lengths}
        for repeat in range(repeats):
            for length in lengths:
                seen[length].append(await bench.length(length, repeat))
            report("long threads", repeat + 1, repeats)
        return ServeSpeed(
            sem=sem.description.name,
            checkpointer=type(saver).__name__,
            crowds=tuple(held),
            lengths=tuple(_length(turn, found) for turn, found in seen.items()),
        )


class _Bench:
    """A graph that is asked, and what passes through it."""

    def __init__(self, hef: Any, serde: CountedSerde, chat: InstantChat) -> None:
        self._hef, self._serde, self._chat = hef, serde, chat
        self._run = f"{time.time_ns():x}"

    async def turn(self, thread: str, person: str, place: int) -> float:
        """Return the seconds of a turn of a thread."""
        said = HumanMessage(_said(place))
        began = time.perf_counter()
        await self._hef.ainvoke({"messages": [said]}, self._config(thread), context=self._context(person))
        return time.perf_counter() - began

    async def crowd(self, count: int, turns: int) -> ConcurrencyFigures:
        """Return the figures of some conversations at once."""
        began, worked = time.perf_counter(), time.process_time()
        talks = await asyncio.gather(*(self._talk(f"{count} {place}", turns) for place in range(count)))
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        taken = 1000 * np.array(talks).ravel()
        return ConcurrencyFigures(
            conversations=count,
            turns=len(taken),
            turns_per_second=len(taken) / seconds,
            p50_ms=float(np.median(taken)),
            p95_ms=float(np.percentile(taken, 95)),
            cpu_ms=1000 * worked / len(taken),
        )

    async def length(self, length: int, repeat: int) -> dict[str, float]:
        """Return what the so-manieth turn of a new thread took."""
        thread = f"long {length} {repeat}"
        if length > 1:
            # One turn less is put there and one is taken, so that a thread that is trimmed was so before.
            before: list[AnyMessage] = [
                message for place in range(length - 2) for message in (HumanMessage(_said(place)), AIMessage(REPLY))
            ]
            await self._hef.aupdate_state(self._config(thread), {"messages": before}, as_node="remember")
            await self.turn(thread, thread, length - 2)
        held = self._counts()
        taken = await self.turn(thread, thread, length - 1)
        return {"seconds": taken} | {name: value - held[name] for name, value in self._counts().items()}

    async def _talk(self, person: str, turns: int) -> list[float]:
        return [await self.turn(person, person, place) for place in range(turns)]

    def _counts(self) -> dict[str, float]:
        return {
            "worked": time.process_time(),
            "calls": self._chat.calls,
            "characters": self._chat.characters,
            "written": self._serde.written,
            "read": self._serde.read,
        }

    def _config(self, thread: str) -> Any:
        return {"configurable": {"thread_id": f"{self._run} {thread}"}}

    def _context(self, person: str) -> HefContext:
        return HefContext(user_id=f"{self._run} {person}")


def _said(place: int) -> str:
    return made_turn(place, 1)[1].text


def _length(turn: int, found: Sequence[dict[str, float]]) -> Length:
    middle = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    return Length(
        turn=turn,
        repeats=len(found),
        p50_ms=1000 * middle["seconds"],
        cpu_ms=1000 * middle["worked"],
        calls=middle["calls"],
        prompt_characters=middle["characters"],
        written_kb=middle["written"] / 1000,
        read_kb=middle["read"] / 1000,
    )


@asynccontextmanager
async def _checkpointer(postgres: str | None, serde: CountedSerde) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    if postgres is None:
        yield InMemorySaver(serde=serde)
        return
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool
    except ImportError as error:
        raise SetupError("checkpoints in PostgreSQL need more packages: pip install 'hef[postgres]'") from error
    how: Any = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(postgres, min_size=1, max_size=2, kwargs=how) as pool:
        saver = AsyncPostgresSaver(pool, serde=serde)  # type: ignore[arg-type]
        await saver.setup()
        yield saver
