"""Load on the chat completions server: conversations at once that go on for some time, with an LLM without latency.

The server is a process of its own, so that what is measured of it is its own: memory, processor time, errors.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import psutil
from pydantic import BaseModel, Field

from ..contract import HefContext
from ..contract.errors import error_text, needs_extra
from ..contract.progress import Progress, ignore_progress
from .serving_fakes import REPLY, InstantChat
from .synthetic_dialogues import synthetic_turn

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.store.base import BaseStore
    from starlette.types import ASGIApp

    from ..sem import Sem
    from ..serving.threads.turn_table import Database

_START_SECONDS = 120
_MB = 1_000_000
_MAX_ERRORS = 10
_MEMORY_SECONDS = 20.0
"""How long the server waits for its memory, as `hef serve chat` does."""
_JUDGED_SECONDS = 60.0
"""A shorter run says nothing about growth: what is loaded and filled at first is most of it."""
_GROWTH_MB, _GROWTH_MB_PER_TURN = 16.0, 0.1
"""How much a server may grow over the second half of a run: by so much, and for each turn of that half, of which the
memory itself takes some 20 kB."""


class ChatServerReport(BaseModel, frozen=True):
    """How a server does under load."""

    sem: str = Field(description="Name of the SEM")
    memory: bool = Field(description="Whether turns are recalled and remembered")
    conversations: int = Field(description="Conversations at once, each of another person")
    turns_each: int = Field(description="Turns after which a conversation is followed by a new one")
    seconds: float = Field(description="Seconds that it took")
    turns: int = Field(description="Turns that were answered")
    turns_per_second: float = Field(description="Turns per second")
    p50_ms: float = Field(description="Milliseconds from a request to the end of its reply, median")
    p95_ms: float = Field(description="The same, 95th percentile")
    first_word_ms: float = Field(description="Milliseconds to the first word of a reply, median")
    cpu_ms: float = Field(description="Milliseconds of the server's processor time per turn")
    rss_start_mb: float = Field(description="10^6 bytes that the server holds once each conversation had a turn")
    rss_middle_mb: float = Field(description="The same after half of the time")
    rss_end_mb: float = Field(description="The same at the end")
    growth_mb: float = Field(description="By how much that grew over the second half")
    max_growth_mb: float | None = Field(
        description="By how much it may: 16 MB, and 100 kB for each turn; None where the run is shorter than a minute"
    )
    errors: int = Field(description="Requests without the reply that was due")
    first_errors: tuple[str, ...] = Field(description="What went wrong with the first of them")

    @property
    def has_grown(self) -> bool:
        """Whether the server grew by more than it may."""
        return self.max_growth_mb is not None and self.growth_mb > self.max_growth_mb


def measure_chat_server(
    sem: str | None,
    home: Path,
    *,
    conversations: int,
    seconds: float,
    turns: int = 20,
    memory: bool = True,
    progress: Progress = ignore_progress,
) -> ChatServerReport:
    """Let people talk with a server, each sending the next turn when the reply has come.

    Args:
        sem: Name of the SEM; None is the shipped one.
        home: Folder of the memory.
        conversations: People at once.
        seconds: How long.
        turns: Turns of a conversation before the person begins another.
        memory: Whether turns are recalled and remembered.
        progress: Called each second.
    """
    with needs_extra("serve", "the chat server needs a web server"):
        import sse_starlette  # noqa: F401
        import uvicorn  # noqa: F401
    with _server_process(sem, home if memory else None) as (url, name, process):
        load = ChatLoad(url, process, turns)
        asyncio.run(load.run(conversations, seconds, progress))
        return load.report(sem=name, memory=memory, conversations=conversations)


@dataclass
class ChatLoad:
    """Conversations with a server, and what was measured of them."""

    url: str
    process: psutil.Process
    turns: int
    durations: list[float] = field(default_factory=list)
    first_words: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    turns_before: list[int] = field(default_factory=list)
    """How many turns were answered when each of these was read."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    async def run(self, conversations: int, seconds: float, progress: Progress) -> None:
        """Let everybody say something once, which is not measured, then talk for some time."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(timeout=300, limits=limits, trust_env=False) as client:
            people = [_Person(f"person {number}", number) for number in range(conversations)]
            await asyncio.gather(*(self._turn(client, person) for person in people))
            self.durations.clear()
            self.first_words.clear()
            began, cpu_began = time.perf_counter(), self._cpu()
            watching = asyncio.create_task(self._watch(seconds, progress))
            await asyncio.gather(*(self._talk(client, person, began + seconds) for person in people))
            self.seconds = time.perf_counter() - began
            self.cpu_seconds = self._cpu() - cpu_began
            await watching
            self._read_memory()

    def report(self, *, sem: str, memory: bool, conversations: int) -> ChatServerReport:
        """Return the figures."""
        middle = len(self.rss) // 2
        later_turns = self.turns_before[-1] - self.turns_before[middle]
        durations, first_words = 1000 * np.array(self.durations or [0]), 1000 * np.array(self.first_words or [0])
        return ChatServerReport(
            sem=sem,
            memory=memory,
            conversations=conversations,
            turns_each=self.turns,
            seconds=self.seconds,
            turns=len(self.durations),
            turns_per_second=len(self.durations) / self.seconds,
            p50_ms=float(np.median(durations)),
            p95_ms=float(np.percentile(durations, 95)),
            first_word_ms=float(np.median(first_words)),
            cpu_ms=1000 * self.cpu_seconds / max(1, len(self.durations)),
            rss_start_mb=self.rss[0] / _MB,
            rss_middle_mb=self.rss[middle] / _MB,
            rss_end_mb=self.rss[-1] / _MB,
            growth_mb=(self.rss[-1] - self.rss[middle]) / _MB,
            max_growth_mb=_GROWTH_MB + _GROWTH_MB_PER_TURN * later_turns if self.seconds >= _JUDGED_SECONDS else None,
            errors=len(self.errors),
            first_errors=tuple(self.errors[:_MAX_ERRORS]),
        )

    async def _talk(self, client: httpx.AsyncClient, person: _Person, until: float) -> None:
        while time.perf_counter() < until:
            await self._turn(client, person)

    async def _turn(self, client: httpx.AsyncClient, person: _Person) -> None:
        """Ask for a reply, and note how long it took, or what was wrong with it."""
        body = person.next_request(self.turns)
        began = time.perf_counter()
        try:
            first, text, ending = await _read_stream(client, f"{self.url}/chat/completions", body)
        except Exception as error:
            self.errors.append(error_text(error))
            return
        # A turn of concern, which talk at random may be, ends with a line about help.
        if not text.startswith(REPLY) or ending.get("finish_reason") != "stop" or "hef" not in ending.get("delta", {}):
            self.errors.append(f"another reply came than was due: {text[:60]!r}")
            return
        person.answered(text)
        self.durations.append(time.perf_counter() - began)
        self.first_words.append(first - began)

    async def _watch(self, seconds: float, progress: Progress) -> None:
        for second in range(max(1, int(seconds))):
            self._read_memory()
            progress("seconds", second, int(seconds))
            await asyncio.sleep(min(1, seconds))

    def _read_memory(self) -> None:
        self.rss.append(self.process.memory_info().rss)
        self.turns_before.append(len(self.durations))

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass
class _Person:
    """Somebody who says the next thing as soon as there is a reply."""

    name: str
    number: int
    messages: list[dict[str, str]] = field(default_factory=list)
    turn_count: int = 0

    def next_request(self, turns: int) -> dict[str, Any]:
        """Return the request of the next turn; what got no reply is said again."""
        if len(self.messages) >= 2 * turns:
            self.messages = []
        if not self.messages or self.messages[-1]["role"] == "assistant":
            text = synthetic_turn(self.number + 1_000 * self.turn_count, 1)[1].text
            self.messages = [*self.messages, {"role": "user", "content": text}]
            self.turn_count += 1
        return {"model": "hef", "user": self.name, "stream": True, "messages": self.messages}

    def answered(self, text: str) -> None:
        """Take a reply into the transcript."""
        self.messages = [*self.messages, {"role": "assistant", "content": text}]


async def _read_stream(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> tuple[float, str, dict[str, Any]]:
    """Return when the first word came, the words, and the choice that ended them.

    Raises:
        RuntimeError: The stream holds an error, or ends too early.
    """
    first, texts, ending, is_done = 0.0, [], {}, False
    async with client.stream("POST", url, json=body) as response:
        if not response.is_success:
            raise RuntimeError(f"status {response.status_code}")
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            if line == "data: [DONE]":
                is_done = True
                continue
            event = json.loads(line.removeprefix("data: "))
            if "error" in event:
                raise RuntimeError(event["error"]["code"])
            ending = event["choices"][0]
            if text := ending["delta"].get("content"):
                first = first or time.perf_counter()
                texts.append(text)
    if not is_done:
        raise RuntimeError("the stream ended too early")
    return first, "".join(texts), ending


@contextmanager
def _server_process(sem: str | None, home: Path | None) -> Iterator[tuple[str, str, psutil.Process]]:
    """Run a server; yield its address, the name of its SEM, and its process."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sem, home, sending), daemon=True)
    process.start()
    sending.close()
    try:
        if not receiving.poll(_START_SECONDS):
            raise RuntimeError(f"the server did not start within {_START_SECONDS} seconds")
        port, name = receiving.recv()
        yield f"http://127.0.0.1:{port}/v1", name, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.join(_START_SECONDS)


def _serve(spec: str | None, home: Path | None, ready: Connection) -> None:
    """Serve in this process until it is told to end; memory and turns are kept as `hef serve chat` keeps them."""
    from ..graph import open_store
    from ..sem import resolve_sem
    from ..serving.http_server import listen, serve_app
    from ..serving.threads.sqlite_turns import SqliteTurns

    sem = resolve_sem(spec)
    chat = InstantChat(labels=tuple(sem.description.taxonomy.labels))
    # As the command has it: between operations other processes may open the folder, which costs time at each.
    store = None if home is None else open_store(home, sem, wait=_MEMORY_SECONDS, hold=False)
    turns = None if home is None else SqliteTurns(home / "chat-turns.sqlite")
    app = measured_app(chat, sem, store, turns, HefContext(remember=store is not None))
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        serving = serve_app(
            app, listener, shutdown_seconds=5, on_ready=lambda: ready.send((port, sem.description.name))
        )
        asyncio.run(serving)
    if store is not None:
        store.close()


def measured_app(
    chat: BaseChatModel, sem: Sem, store: BaseStore | None, turns: Database | None, context: HefContext
) -> ASGIApp:
    """Return the chat server around an LLM and a SEM, as it is measured.

    Args:
        chat: The LLM.
        sem: The SEM.
        store: The memory; None where nothing is remembered.
        turns: The table of turns; None where none is kept.
        context: Settings of each turn.
    """
    from ..graph import create_hef
    from ..serving.chat_app import create_app
    from ..serving.chat_conversations import Conversations
    from ..serving.server_settings import ServerSettings

    return create_app(
        create_hef(model=chat, sem=sem).compile(store=store),
        model=chat,
        sem=sem,
        store=store,
        settings=ServerSettings(context=context),
        conversations=Conversations(turns, store),
    )
