"""The turns of one process, in memory or in a file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ...contract.private_files import create_private_folder, make_private
from .turn_table import ANSWERS, SCHEMA, Statement


class KeyedLocks:
    """A lock per key, of one event loop; a lock that nobody holds or waits for is gone."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1


class SqliteTurns(KeyedLocks):
    """A database of one process.

    Args:
        path: A file, for its owner alone, which outlives the process; None keeps the turns in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        if path is not None:
            create_private_folder(path.parent)
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        if path is not None:
            make_private([path])
            self._connection.execute("PRAGMA journal_mode = wal")
        self._connection.execute("PRAGMA synchronous = normal")
        self._connection.execute("PRAGMA temp_store = memory")
        # What was answered stays in memory: if the process ends, the turn is answered anew.
        for statement in (*SCHEMA, f"CREATE TEMP {ANSWERS}"):
            self._connection.execute(statement)

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows; it takes less time than handing it to a thread would."""
        return self._connection.execute(sql, values).fetchall()

    async def run_all(self, statements: Sequence[Statement]) -> None:
        """Run statements one after another."""
        for sql, values in statements:
            self._connection.execute(sql, values)

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()
