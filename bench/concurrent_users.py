"""Load of many people at once on the memory of a Chroma server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from urllib.parse import urlsplit

import numpy as np
from langgraph.store.base import IndexConfig
from pydantic import BaseModel, Field

from ..memory import ChromaStore, arecall_turns, aremember_turn
from .synthetic_dialogues import RandomVectors, synthetic_turn

_TURNS = 3


class ConcurrentUsersReport(BaseModel, frozen=True):
    """Result of people who all write and recall at once."""

    users: int = Field(description="Concurrent people; each writes three turns and recalls after each")
    calls: int = Field(description="Writes and recalls of all people")
    seconds: float = Field(description="Until the last one was done")
    write_p95_ms: float = Field(description="95th percentile of the milliseconds of a write")
    recall_p95_ms: float = Field(description="The same of a recall")
    errors: tuple[str, ...] = Field(description="Failed calls and wrong results")


def measure_concurrent_users(url: str, users: int, dims: int) -> ConcurrentUsersReport:
    """Let people write and recall at once through a `chroma run` server, in a collection that is dropped afterwards.

    Each must get back exactly what they wrote so far, and nothing of the others.
    """
    collection = f"hef-bench-{uuid.uuid4().hex}"
    try:
        return asyncio.run(_measure(url, collection, users, dims))
    finally:
        _drop(url, collection)


async def _measure(url: str, collection: str, users: int, dims: int) -> ConcurrentUsersReport:
    index: IndexConfig = {"dims": dims, "embed": RandomVectors(dims), "fields": ["text"]}
    with ChromaStore.from_url(url, index=index, collection=collection) as store:
        began = time.perf_counter()
        tasks = (_run_person(store, number, users) for number in range(users))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        seconds = time.perf_counter() - began
    people = [result for result in results if not isinstance(result, BaseException)]
    wrong = [f"user {number} got back other turns" for number, (_, _, right) in enumerate(people) if not right]
    return ConcurrentUsersReport(
        users=users,
        calls=2 * _TURNS * users,
        seconds=seconds,
        write_p95_ms=_p95([seconds for writes, _, _ in people for seconds in writes]),
        recall_p95_ms=_p95([seconds for _, recalls, _ in people for seconds in recalls]),
        errors=(*(str(result) for result in results if isinstance(result, BaseException)), *wrong),
    )


async def _run_person(store: ChromaStore, person: int, users: int) -> tuple[list[float], list[float], bool]:
    """Return the seconds of a person's writes and recalls, and whether all that was written came back each time."""
    writes, recalls, right, written = [], [], True, set()
    for number in range(person, _TURNS * users, users):
        user, memory = synthetic_turn(number, users)
        start = time.perf_counter()
        await aremember_turn(store, user, memory)
        middle = time.perf_counter()
        memories = await arecall_turns(store, user, memory.text, _TURNS)
        recalls.append(time.perf_counter() - middle)
        writes.append(middle - start)
        written.add(memory.id)
        right &= {recalled.id for recalled in memories} == written
    return writes, recalls, right


def _p95(seconds: Sequence[float]) -> float:
    return float(1000 * np.percentile(seconds, 95)) if seconds else float("nan")


def _drop(url: str, collection: str) -> None:
    import chromadb
    from chromadb.config import Settings

    parts = urlsplit(url)
    client = chromadb.HttpClient(
        str(parts.hostname),
        parts.port or 8000,
        ssl=parts.scheme == "https",
        settings=Settings(anonymized_telemetry=False),
    )
    if collection in {existing.name for existing in client.list_collections()}:
        client.delete_collection(collection)
