"""Cost of HEF itself on a server: turns per second of many conversations, and growth of a turn with its thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore
from pydantic import BaseModel, Field

from ..contract import HefContext, SetupError
from ..contract.progress import Progress, ignore_progress
from ..graph import create_hef, trim_history
from ..sem import Sem
from .serving_fakes import REPLY, CountingSerializer, InstantChat
from .synthetic_dialogues import synthetic_turn

WARM = 3
"""Turns before those that count."""


class ConcurrencyFigures(BaseModel, frozen=True):
    """Some conversations at once."""

    conversations: int = Field(description="Concurrent conversations, each of another person")
    turns: int = Field(description="Turns of all of them")
    turns_per_second: float = Field(description="Turns per second")
    p50_ms: float = Field(description="Milliseconds of a turn, median")
    p95_ms: float = Field(description="Milliseconds of a turn, 95th percentile")
    cpu_ms: float = Field(description="Milliseconds of processor time per turn, all threads of this process")


class Length(BaseModel, frozen=True):
    """A turn at one length of its thread; medians."""

    turn: int = Field(description="Index of the turn in the thread, from 1")
    repeats: int = Field(description="Number of threads that were measured")
    p50_ms: float = Field(description="Milliseconds of the turn")
    cpu_ms: float = Field(description="Milliseconds of processor time")
    calls: float = Field(description="LLM calls")
    prompt_characters: float = Field(description="Characters of all prompts of the turn")
    written_kb: float = Field(description="10^3 bytes that the checkpointer writes")
    read_kb: float = Field(description="10^3 bytes that the checkpointer reads")


class ServeSpeed(BaseModel, frozen=True):
    """Cost of HEF with an LLM that costs nothing."""

    sem: str = Field(description="Name of the SEM")
    checkpointer: str = Field(description="Class of the checkpointer")
    concurrency: tuple[ConcurrencyFigures, ...] = Field(description="By number of concurrent conversations")
    lengths: tuple[Length, ...] = Field(description="By length of the thread")


async def measure_serving(
    sem: Sem,
    store: BaseStore,
    *,
    concurrency: Sequence[int],
    lengths: Sequence[int],
    turns: int = 4,
    repeats: int = 5,
    keep: int | None = None,
    postgres: str | None = None,
    progress: Progress = ignore_progress,
) -> ServeSpeed:
    """Run conversations with an LLM without latency, in one process.

    Args:
        sem: The SEM.
        store: The memory; what is written remains there.
        concurrency: Numbers of concurrent conversations.
        lengths: Turns of a thread that are measured; the turns before are put into its state at once.
        turns: Turns of each concurrent conversation.
        repeats: Threads of each length, alternately, so that other load affects all lengths.
        keep: Number of messages that a thread keeps, see `trim_history`; None keeps all.
        postgres: Address of a PostgreSQL for the checkpoints; None keeps them in this process.
        progress: Called with each step.
    """
    serde, chat = CountingSerializer(), InstantChat(labels=tuple(sem.description.taxonomy.labels))
    async with _checkpointer(postgres, serde) as saver:
        builder = create_hef(model=chat, sem=sem)
        if keep is not None:
            trim_history(builder, keep)
        bench = _ServingBench(builder.compile(checkpointer=saver, store=store), serde, chat)
        for number in range(WARM):
            await bench.run_turn("warm", "warm", number)
        concurrent = []
        for done, count in enumerate(concurrency, 1):
            concurrent.append(await bench.measure_concurrency(count, turns))
            progress("conversations at once", done, len(concurrency))
        figures: dict[int, list[dict[str, float]]] = {length: [] for length in lengths}
        for repeat in range(repeats):
            for length in lengths:
                figures[length].append(await bench.measure_length(length, repeat))
            progress("long threads", repeat + 1, repeats)
        return ServeSpeed(
            sem=sem.description.name,
            checkpointer=type(saver).__name__,
            concurrency=tuple(concurrent),
            lengths=tuple(_length(turn, per_thread) for turn, per_thread in figures.items()),
        )


class _ServingBench:
    """A graph, and counters of what passes through it."""

    def __init__(self, hef: Any, serde: CountingSerializer, chat: InstantChat) -> None:
        self._hef, self._serde, self._chat = hef, serde, chat
        self._run = f"{time.time_ns():x}"

    async def run_turn(self, thread: str, person: str, number: int) -> float:
        """Return the seconds of a turn of a thread."""
        messages = {"messages": [HumanMessage(_text(number))]}
        began = time.perf_counter()
        # Two calls in every turn: a judgement that agrees, and the reply.
        context = HefContext(user_id=f"{self._run} {person}", ask="always", first_question="primary")
        await self._hef.ainvoke(messages, self._config(thread), context=context)
        return time.perf_counter() - began

    async def measure_concurrency(self, count: int, turns: int) -> ConcurrencyFigures:
        """Return the figures of some conversations at once."""
        began, cpu_began = time.perf_counter(), time.process_time()
        people = (self._converse(f"{count} {person}", turns) for person in range(count))
        durations = 1000 * np.array(await asyncio.gather(*people)).ravel()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        return ConcurrencyFigures(
            conversations=count,
            turns=len(durations),
            turns_per_second=len(durations) / seconds,
            p50_ms=float(np.median(durations)),
            p95_ms=float(np.percentile(durations, 95)),
            cpu_ms=1000 * cpu_seconds / len(durations),
        )

    async def measure_length(self, length: int, repeat: int) -> dict[str, float]:
        """Return the cost of the turn with this number in a new thread."""
        thread = f"long {length} {repeat}"
        if length > 1:
            # The last turn before is run, not put into the state, so that a thread that is trimmed was so before.
            history: list[AnyMessage] = [
                message for number in range(length - 2) for message in (HumanMessage(_text(number)), AIMessage(REPLY))
            ]
            await self._hef.aupdate_state(self._config(thread), {"messages": history}, as_node="remember")
            await self.run_turn(thread, thread, length - 2)
        before = self._counters()
        seconds = await self.run_turn(thread, thread, length - 1)
        return {"seconds": seconds} | {name: value - before[name] for name, value in self._counters().items()}

    async def _converse(self, person: str, turns: int) -> list[float]:
        return [await self.run_turn(person, person, number) for number in range(turns)]

    def _counters(self) -> dict[str, float]:
        return {
            "cpu_seconds": time.process_time(),
            "calls": self._chat.calls,
            "characters": self._chat.characters,
            "written": self._serde.written,
            "read": self._serde.read,
        }

    def _config(self, thread: str) -> Any:
        return {"configurable": {"thread_id": f"{self._run} {thread}"}}


def _text(number: int) -> str:
    return synthetic_turn(number, 1)[1].text


def _length(turn: int, threads: Sequence[dict[str, float]]) -> Length:
    medians = {name: float(np.median([thread[name] for thread in threads])) for name in threads[0]}
    return Length(
        turn=turn,
        repeats=len(threads),
        p50_ms=1000 * medians["seconds"],
        cpu_ms=1000 * medians["cpu_seconds"],
        calls=medians["calls"],
        prompt_characters=medians["characters"],
        written_kb=medians["written"] / 1000,
        read_kb=medians["read"] / 1000,
    )


@asynccontextmanager
async def _checkpointer(postgres: str | None, serde: CountingSerializer) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    if postgres is None:
        yield InMemorySaver(serde=serde)
        return
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool
    except ImportError as error:
        raise SetupError("checkpoints in PostgreSQL need more packages: pip install 'hef[postgres]'") from error
    settings: Any = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(postgres, min_size=1, max_size=2, kwargs=settings) as pool:
        saver = AsyncPostgresSaver(pool, serde=serde)  # type: ignore[arg-type]
        await saver.setup()
        yield saver
