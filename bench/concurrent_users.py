"""Many people at once through a Chroma server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from urllib.parse import urlsplit

import numpy as np
from langgraph.store.base import IndexConfig
from pydantic import BaseModel, ConfigDict, Field

from ..memory import ChromaStore, arecall_turns, aremember_turn
from .synthetic_turns import RandomVectors, made_turn

_TURNS = 3


class CrowdReport(BaseModel):
    """What came of people who all wrote and recalled at once."""

    model_config = ConfigDict(frozen=True)

    users: int = Field(description="People at once; each writes three turns and recalls after each")
    calls: int = Field(description="Writes and recalls in all")
    seconds: float = Field(description="Until the last one was done")
    write_p95_ms: float = Field(description="95th percentile of the milliseconds of a write")
    recall_p95_ms: float = Field(description="The same of a recall")
    errors: tuple[str, ...] = Field(description="What failed, or came back wrong")


def measure_crowd(url: str, users: int, dims: int) -> CrowdReport:
    """Let people write and recall at once through a `chroma run` server, in a collection that is dropped afterwards.

    Each must get back exactly what was written so far, and nothing of the others.
    """
    collection = f"hef-bench-{uuid.uuid4().hex}"
    try:
        return asyncio.run(_measure(url, collection, users, dims))
    finally:
        _drop(url, collection)


async def _measure(url: str, collection: str, users: int, dims: int) -> CrowdReport:
    index: IndexConfig = {"dims": dims, "embed": RandomVectors(dims), "fields": ["text"]}
    with ChromaStore.from_url(url, index=index, collection=collection) as store:
        began = time.perf_counter()
        people = await asyncio.gather(*(_person(store, place, users) for place in range(users)), return_exceptions=True)
        seconds = time.perf_counter() - began
    held = [one for one in people if not isinstance(one, BaseException)]
    wrong = [f"user {place} got back other turns" for place, one in enumerate(held) if not one[2]]
    return CrowdReport(
        users=users,
        calls=2 * _TURNS * users,
        seconds=seconds,
        write_p95_ms=_p95([taken for one in held for taken in one[0]]),
        recall_p95_ms=_p95([taken for one in held for taken in one[1]]),
        errors=(*(str(one) for one in people if isinstance(one, BaseException)), *wrong),
    )


async def _person(store: ChromaStore, place: int, users: int) -> tuple[list[float], list[float], bool]:
    """Return the seconds of the writes and recalls of one, and whether all that was written came back each time."""
    writes, recalls, right, written = [], [], True, set()
    for number in range(place, _TURNS * users, users):
        user, memory = made_turn(number, users)
        marks = [time.perf_counter()]
        await aremember_turn(store, user, memory)
        marks.append(time.perf_counter())
        found = await arecall_turns(store, user, memory.text, _TURNS)
        marks.append(time.perf_counter())
        written.add(memory.id)
        right &= {one.id for one in found} == written
        writes.append(marks[1] - marks[0])
        recalls.append(marks[2] - marks[1])
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
    if collection in {found.name for found in client.list_collections()}:
        client.delete_collection(collection)
