"""The turns of one process, in memory or in a file."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ...contract.private_files import create_private_folder, make_private
from .transcript_prints import keyed
from .turn_table import ADD_PERSON, ANSWERS, INDEXES, KEY_BYTES, KEYED, TABLES, Statement

_VERSION = 1
"""What the file says of itself (`user_version`) once its hashes are keyed."""


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
        path: A file, for its owner alone, which outlives the process; None keeps the turns in memory. The key of its
            hashes is in a file beside it (`.key`): without that one the turns are not known again, and a copy of the
            turns alone tells nobody what was said.
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
        self._connection.execute("PRAGMA secure_delete = on")
        self._key = self._prepare(path)
        # What was answered stays in memory: if the process ends, the turn is answered anew.
        self._connection.execute(f"CREATE TEMP {ANSWERS}")

    def _prepare(self, path: Path | None) -> bytes:
        """Create the tables, or bring those of an earlier version up to date, and return the key."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")  # of two processes that open the file, one makes the key
        try:
            for statement in TABLES:
                connection.execute(statement)
            if "person" not in [row[1] for row in connection.execute("PRAGMA table_info(hef_chat_turns)")]:
                connection.execute(ADD_PERSON.format(""))
            for statement in INDEXES:
                connection.execute(statement)
            key = secrets.token_bytes(KEY_BYTES) if path is None else _read_key(path.with_suffix(".key"))
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                connection.create_function("keyed", 1, lambda digest: keyed(digest, key), deterministic=True)
                for table, columns in KEYED.items():
                    changes = ", ".join(f"{column} = keyed({column})" for column in columns)
                    connection.execute(f"UPDATE {table} SET {changes}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return key

    async def key(self) -> bytes:
        """Return the key of the hashes."""
        return self._key

    async def clear_deleted(self) -> None:
        """Take what was deleted out of the log beside the file, unless another process reads it just now."""
        self._connection.execute("PRAGMA wal_checkpoint(truncate)")

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


def _read_key(path: Path) -> bytes:
    """Return the key in a file, for its owner alone; one that is missing or no key is made anew."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        key = b""
    if len(key) == KEY_BYTES:
        make_private([path])
        return key
    key, new = secrets.token_bytes(KEY_BYTES), path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key.hex())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return key
