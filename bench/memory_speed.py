"""What the memory costs over Chroma itself as it grows: recalling and writing beside raw calls, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langgraph.store.base import IndexConfig
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Memory
from ..evaluation.metrics import Array, Estimate, median_estimate
from ..memory import ChromaStore, dumps, import_turns, recall_turns, remember_turn
from ..memory.serialisation import value_of
from ..memory.turn_recall import OVERFETCH
from .raw_chroma import RawChroma
from .synthetic_turns import RandomVectors, made_turn

Report = Callable[[str, int, int], None]
"""Called with what is done, how far it is, and of how much."""
LIMIT = 3
"""Turns that are recalled."""
WARM = 10
"""Pairs of calls before those that count."""
_BATCH = 256


class Cost(BaseModel):
    """What one call takes."""

    model_config = ConfigDict(frozen=True)

    median_ms: float = Field(description="Milliseconds, median")
    p95_ms: float = Field(description="Milliseconds, 95th percentile")


class Comparison(BaseModel):
    """A call of HEF's memory beside a raw one of Chroma, taken in turns."""

    model_config = ConfigDict(frozen=True)

    hef: Cost
    raw: Cost
    ratio: Estimate = Field(description="Median over pairs of HEF's time over the raw call's; 95% interval")


class MemorySpeed(BaseModel):
    """The memory at one size."""

    model_config = ConfigDict(frozen=True)

    turns: int = Field(description="Turns that are remembered")
    users: int = Field(description="People whose turns they are")
    repeats: int = Field(description="How often each call was timed")
    recall: Comparison = Field(description="Recalling 3 turns of a user, beside a query filtered by the user")
    write: Comparison = Field(description="Writing a turn of 2.3 vectors on average, beside an upsert of one row")
    write_one: Comparison = Field(description="The same for the turns of one vector alone")
    write_rows: Comparison = Field(description="Writing a turn, beside an upsert of a row a vector")
    imported: int = Field(description="Turns that were imported to come to this size")
    import_seconds: float = Field(description="How long that took, made-up vectors included")
    megabytes: float = Field(description="The folder's size in 10^6 bytes")


def measure_memory(
    folder: Path,
    sizes: Sequence[int],
    users: int,
    dims: int,
    *,
    repeats: int = 200,
    report: Report = lambda doing, done, total: None,
) -> Iterator[MemorySpeed]:
    """Yield the figures at each size of one memory that grows.

    The raw collection is Chroma as it comes, see `RawChroma`. A raw query asks for as many rows as a recall does.
    Writing stands beside a second one, too, that is written as HEF writes: what is left is HEF's own.
    The calls take turns, and take turns in being first, so that a busy moment meets all. Vectors are made up, and
    ready before the clock starts.

    Args:
        folder: Where both are written.
        sizes: Numbers of turns, the smallest first.
        users: People; they speak in turns.
        dims: Length of the vectors.
        repeats: How often each call is timed at each size.
        report: Told of the progress.
    """
    vectors = RandomVectors(dims)
    index: IndexConfig = {"dims": dims, "embed": vectors, "fields": ["text"]}
    with (
        ChromaStore.from_path(folder / "hef", index=index) as store,
        RawChroma(folder / "raw", vectors) as raw,
        RawChroma(folder / "rows", vectors, by_clause=True) as rows,
    ):
        bench = _Bench(store, raw, rows, vectors, users)
        for size in sizes:
            imported, began = size - bench.held, time.perf_counter()
            bench.grow(size, report)
            seconds = time.perf_counter() - began
            bench.grow_raw(size - imported, report)
            yield MemorySpeed(
                turns=size,
                users=min(users, size),
                repeats=repeats,
                imported=imported,
                import_seconds=seconds,
                megabytes=sum(file.stat().st_size for file in (folder / "hef").rglob("*") if file.is_file()) / 1e6,
                **bench.time(repeats, report),
            )


class _Bench:
    """A memory and two raw collections that hold the same turns."""

    def __init__(self, store: ChromaStore, raw: RawChroma, rows: RawChroma, vectors: RandomVectors, users: int) -> None:
        self._store, self._raw, self._rows, self._vectors, self._users = store, raw, rows, vectors, users
        self.held = 0
        """Turns that all hold."""

    def grow(self, size: int, report: Report) -> None:
        """Import turns into the memory up to a size."""

        def report_with_total(task: str, done: int, total: int | None) -> None:
            report(task, done, size - self.held)

        turns = (self._turn(number) for number in range(self.held, size))
        lines = (dumps({"user": turn["user_id"], "id": turn["id"], "turn": turn}) for turn in turns)
        import_turns(self._store, lines, report=report_with_total)
        self.held = size

    def grow_raw(self, begin: int, report: Report) -> None:
        """Write the same turns to the raw collections, as many a call as an import does."""
        for start in range(begin, self.held, _BATCH):
            stop = min(start + _BATCH, self.held)
            turns = [self._turn(number) for number in range(start, stop)]
            self._raw.upsert(turns)
            self._rows.upsert(turns)
            report("writing to Chroma", stop - begin, self.held - begin)

    def time(self, repeats: int, report: Report) -> dict[str, Comparison]:
        """Return the figures of both calls; the turns written meanwhile stay."""
        chance = np.random.default_rng(self.held)
        recalls, writes, alone, rows = [], [], [], []
        for repeat in range(-WARM, repeats):
            recall = self._recall(repeat, f"user {chance.integers(min(self._users, self.held))}")
            (hef, raw, same), single = self._write(repeat)
            if repeat >= 0:
                recalls.append(recall)
                writes.append((hef, raw))
                alone += [(hef, raw)] if single else []
                rows.append((hef, same))
            report("recalling and writing", max(0, repeat + 1), repeats)
        return {
            "recall": _beside(recalls),
            "write": _beside(writes),
            "write_one": _beside(alone),
            "write_rows": _beside(rows),
        }

    def _recall(self, repeat: int, user: str) -> tuple[float, ...]:
        """Return the seconds of recalling a user's turns."""
        query = f"What was it about {self.held}?"
        self._vectors.make_ready([query])
        return _timed(
            repeat,
            lambda: recall_turns(self._store, user, query, LIMIT),
            lambda: self._raw.query(user, query, LIMIT + OVERFETCH),
        )

    def _write(self, repeat: int) -> tuple[tuple[float, ...], bool]:
        """Return the seconds of writing the next turn, and whether it has one vector."""
        turn = self._turn(self.held)
        memory = Memory.model_validate(turn)
        self._vectors.make_ready([turn["text"], *turn["clauses"]])
        self.held += 1
        taken = _timed(
            repeat,
            lambda: remember_turn(self._store, turn["user_id"], memory),
            lambda: self._raw.upsert([turn]),
            lambda: self._rows.upsert([turn]),
        )
        return taken, not turn["clauses"]

    def _turn(self, number: int) -> dict[str, Any]:
        user, memory = made_turn(number, self._users)
        return value_of(user, memory)


def _timed(repeat: int, *calls: Callable[[], Any]) -> tuple[float, ...]:
    """Return the seconds of each call; they take turns in being first."""
    seconds = [0.0] * len(calls)
    for step in range(len(calls)):
        place = (repeat + step) % len(calls)
        began = time.perf_counter()
        calls[place]()
        seconds[place] = time.perf_counter() - began
    return tuple(seconds)


def _beside(pairs: Sequence[tuple[float, ...]]) -> Comparison:
    held = 1000 * np.array(pairs)
    return Comparison(hef=_cost(held[:, 0]), raw=_cost(held[:, 1]), ratio=median_estimate(held[:, 0] / held[:, 1]))


def _cost(taken: Array) -> Cost:
    return Cost(median_ms=float(np.median(taken)), p95_ms=float(np.percentile(taken, 95)))
