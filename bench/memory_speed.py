"""Cost of the memory over Chroma itself as it grows: recalling and writing beside raw calls, in one run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from langchain_core.embeddings import Embeddings
from langgraph.store.base import IndexConfig
from pydantic import BaseModel, Field

from ..contract import Memory
from ..contract.numerics import Array
from ..contract.progress import Progress, ignore_progress
from ..evaluation.metrics import Estimate, median_estimate
from ..memory import ChromaStore, dumps, import_turns, recall_turns, remember_turn
from ..memory.chroma.disk.disk_room import stored_bytes
from ..memory.turn_recall import OVERFETCH
from ..memory.turns import stored_value
from .synthetic_dialogues import RandomVectors, synthetic_turn

LIMIT = 3
"""Number of turns that are recalled."""
WARM = 10
"""Repeats before those that count."""
_BATCH = 256
_FIELDS = ("thread", "time", "turn", "emotion", "probability")


class Cost(BaseModel, frozen=True):
    """Duration of a call."""

    median_ms: float = Field(description="Milliseconds, median")
    p95_ms: float = Field(description="Milliseconds, 95th percentile")


class Comparison(BaseModel, frozen=True):
    """A call of HEF's memory beside a raw one of Chroma, timed alternately."""

    hef: Cost
    raw: Cost
    ratio: Estimate = Field(description="Median over pairs of HEF's time over the raw call's; 95% interval")


class MemorySpeed(BaseModel, frozen=True):
    """The memory at one size."""

    turns: int = Field(description="Stored turns")
    users: int = Field(description="People whose turns they are")
    repeats: int = Field(description="How often each call was timed")
    recall: Comparison = Field(description="Recalling 3 turns of a user, beside a query filtered by the user")
    write: Comparison = Field(description="Writing a turn of 2.3 vectors on average, beside an upsert of one row")
    write_one: Comparison = Field(description="The same for the turns of one vector alone")
    write_rows: Comparison = Field(description="Writing a turn, beside an upsert of a row per vector")
    imported: int = Field(description="Turns that were imported to reach this size")
    import_seconds: float = Field(description="Duration of the import, synthetic vectors included")
    megabytes: float = Field(description="The folder's size in 10^6 bytes")


def measure_memory(
    folder: Path,
    sizes: Sequence[int],
    users: int,
    dims: int,
    *,
    repeats: int = 200,
    progress: Progress = ignore_progress,
) -> Iterator[MemorySpeed]:
    """Yield the figures at each size of one memory that grows.

    The raw collection is Chroma with its defaults, see `RawChroma`. A raw query asks for as many rows as a recall
    does. Writing is also compared with a second collection whose rows are those that HEF writes: what remains is
    HEF's own cost. The calls alternate, and alternate in being first, so that other load on the machine affects all
    of them. Vectors are synthetic, and ready before the clock starts.

    Args:
        folder: Where both are written.
        sizes: Numbers of turns, in ascending order.
        users: Number of people; they alternate.
        dims: Length of the vectors.
        repeats: How often each call is timed at each size.
        progress: Called with each step.
    """
    vectors = RandomVectors(dims)
    index: IndexConfig = {"dims": dims, "embed": vectors, "fields": ["text"]}
    with (
        ChromaStore.from_path(folder / "hef", index=index) as store,
        RawChroma(folder / "raw", vectors) as raw,
        RawChroma(folder / "rows", vectors, by_clause=True) as rows,
    ):
        bench = _MemoryBench(store, raw, rows, vectors, users, progress)
        for size in sizes:
            before, began = bench.turns, time.perf_counter()
            bench.grow(size)
            seconds = time.perf_counter() - began
            bench.grow_raw(before)
            yield MemorySpeed(
                turns=size,
                users=min(users, size),
                repeats=repeats,
                imported=size - before,
                import_seconds=seconds,
                megabytes=stored_bytes(folder / "hef") / 1e6,
                **bench.time(repeats),
            )


class _MemoryBench:
    """A memory and two raw collections with the same turns."""

    def __init__(
        self,
        store: ChromaStore,
        raw: RawChroma,
        rows: RawChroma,
        vectors: RandomVectors,
        users: int,
        progress: Progress,
    ) -> None:
        self._store, self._raw, self._rows, self._vectors = store, raw, rows, vectors
        self._users, self._progress = users, progress
        self.turns = 0
        """Number of turns in each."""

    def grow(self, size: int) -> None:
        """Import turns into the memory up to a size."""
        count = size - self.turns
        turns = (self._turn(number) for number in range(self.turns, size))
        lines = (dumps({"user": turn["user_id"], "id": turn["id"], "turn": turn}) for turn in turns)
        import_turns(self._store, lines, report=lambda task, done, _: self._progress(task, done, count))
        self.turns = size

    def grow_raw(self, begin: int) -> None:
        """Write the same turns to the raw collections, as many per call as an import does."""
        for start in range(begin, self.turns, _BATCH):
            stop = min(start + _BATCH, self.turns)
            turns = [self._turn(number) for number in range(start, stop)]
            self._raw.upsert(turns)
            self._rows.upsert(turns)
            self._progress("writing to Chroma", stop - begin, self.turns - begin)

    def time(self, repeats: int) -> dict[str, Comparison]:
        """Return the comparisons of both calls; the turns that are written meanwhile remain."""
        rng = np.random.default_rng(self.turns)
        seconds: dict[str, list[tuple[float, ...]]] = {"recall": [], "write": [], "write_one": [], "write_rows": []}
        for repeat in range(-WARM, repeats):
            recall = self._recall(repeat, f"user {rng.integers(min(self._users, self.turns))}")
            (hef, raw, rows), has_one_vector = self._write(repeat)
            if repeat >= 0:
                seconds["recall"].append(recall)
                seconds["write"].append((hef, raw))
                seconds["write_one"] += [(hef, raw)] if has_one_vector else []
                seconds["write_rows"].append((hef, rows))
            self._progress("recalling and writing", max(0, repeat + 1), repeats)
        return {name: _compare(pairs) for name, pairs in seconds.items()}

    def _recall(self, repeat: int, user: str) -> tuple[float, ...]:
        """Return the seconds of recalling a user's turns."""
        query = f"What was it about {self.turns}?"
        self._vectors.prepare([query])
        return _time_alternately(
            repeat,
            lambda: recall_turns(self._store, user, query, LIMIT),
            lambda: self._raw.query(user, query, LIMIT + OVERFETCH),
        )

    def _write(self, repeat: int) -> tuple[tuple[float, ...], bool]:
        """Return the seconds of writing the next turn, and whether it has one vector."""
        turn = self._turn(self.turns)
        memory = Memory.model_validate(turn)
        self._vectors.prepare([turn["text"], *turn["clauses"]])
        self.turns += 1
        seconds = _time_alternately(
            repeat,
            lambda: remember_turn(self._store, turn["user_id"], memory),
            lambda: self._raw.upsert([turn]),
            lambda: self._rows.upsert([turn]),
        )
        return seconds, not turn["clauses"]

    def _turn(self, number: int) -> dict[str, Any]:
        return stored_value(*synthetic_turn(number, self._users))


def _time_alternately(repeat: int, *calls: Callable[[], Any]) -> tuple[float, ...]:
    """Return the seconds of each call; the first one changes from repeat to repeat."""
    seconds = [0.0] * len(calls)
    for step in range(len(calls)):
        index = (repeat + step) % len(calls)
        began = time.perf_counter()
        calls[index]()
        seconds[index] = time.perf_counter() - began
    return tuple(seconds)


def _compare(pairs: Sequence[tuple[float, ...]]) -> Comparison:
    hef, raw = 1000 * np.array(pairs).T
    return Comparison(hef=_cost(hef), raw=_cost(raw), ratio=median_estimate(hef / raw))


def _cost(milliseconds: Array) -> Cost:
    return Cost(median_ms=float(np.median(milliseconds)), p95_ms=float(np.percentile(milliseconds, 95)))


class RawChroma:
    """A collection of turns in a folder, with Chroma's default settings.

    A row has the vector of the turn's text, the stored turn as document, and as metadata the user, thread,
    time, turn, emotion and probability.
    """

    def __init__(self, folder: Path, embeddings: Embeddings, *, by_clause: bool = False) -> None:
        """Open a collection.

        Args:
            folder: Where it is created.
            embeddings: Embeds the texts.
            by_clause: Write the rows that HEF writes: also one per clause, without a document.
        """
        import chromadb
        from chromadb.config import Settings

        self._by_clause = by_clause
        # Chroma annotates an interface that lacks `close`, and refuses plain lists of floats.
        self._client: Any = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
        self._rows: Any = self._client.create_collection(
            "raw", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        self._embeddings = embeddings

    def upsert(self, turns: Sequence[dict[str, Any]]) -> None:
        """Write turns, as they are stored, in one call."""
        rows = [(turn, n, text) for turn in turns for n, text in enumerate(self._texts(turn))]
        self._rows.upsert(
            ids=[f"{turn['id']}#{n}" if n else turn["id"] for turn, n, _ in rows],
            embeddings=self._embeddings.embed_documents([text for _, _, text in rows]),
            metadatas=[{"user": turn["user_id"], **{name: turn[name] for name in _FIELDS}} for turn, _, _ in rows],
            documents=[None if n else json.dumps(turn) for turn, n, _ in rows],
        )

    def _texts(self, turn: dict[str, Any]) -> list[str]:
        return [turn["text"], *(turn["clauses"] if self._by_clause else ())]

    def query(self, user: str, text: str, count: int) -> list[str]:
        """Return the documents of a user's rows that are nearest to a text."""
        result = self._rows.query(
            query_embeddings=[self._embeddings.embed_query(text)],
            n_results=count,
            where={"user": user},
            include=["documents", "metadatas", "distances"],
        )
        documents: list[str] = result["documents"][0]
        return documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
