"""The turns of all processes, in PostgreSQL (extra `postgres`); locks are advisory and end with their process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from ...contract import SetupError
from ..api_errors import ApiError
from .sqlite_turns import KeyedLocks
from .turn_table import ADD_PERSON, ANSWERS, INDEXES, KEY_BYTES, KEYED, TABLES, Statement

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

Result = TypeVar("Result")

_CONNECTIONS = 4
"""Connections for statements; one more holds the locks."""
_PATIENCE = 10.0
"""Seconds after which a database that gives no connection cannot be reached."""
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.25
"""Seconds between two tries for a lock that another process holds."""
_BLOCK = 64
"""Bytes of a block of SHA-256, which HMAC fills with the key."""
_KEY_TABLE = "CREATE TABLE hef_chat_key (id integer PRIMARY KEY, key text NOT NULL)"
_log = logging.getLogger(__name__)


class PostgresTurns(KeyedLocks):
    """A database of any number of processes; connections are made when the first request comes.

    The locks belong to one connection, which must be PostgreSQL's own: a pooler that shares connections between
    transactions loses them.

    Args:
        url: Address of the database, as libpq reads it.

    Raises:
        SetupError: The client is not installed.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            import psycopg
            import psycopg_pool  # noqa: F401
        except ImportError as error:
            raise SetupError(
                "conversations in PostgreSQL need its client: install it with `pip install 'hef[postgres]'`"
            ) from error
        self._url, self._errors = url, (psycopg.OperationalError, psycopg.InterfaceError)
        self._opening = asyncio.Lock()
        self._key = b""
        self._pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] | None = None
        self._locker: AsyncConnection[tuple[Any, ...]] | None = None

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows; where its connection is lost, again on another.

        Raises:
            ApiError: With 503, the database cannot be reached.
        """

        async def run_on(connection: AsyncConnection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(_placeholders(sql), values)
            return await cursor.fetchall() if cursor.description else []

        return await self._with_connection(run_on)

    async def run_all(self, statements: Sequence[Statement]) -> None:
        """Run statements in one round trip and one transaction; where their connection is lost, again on another.

        Raises:
            ApiError: With 503, the database cannot be reached.
        """

        async def run_on(connection: AsyncConnection[tuple[Any, ...]]) -> None:
            async with connection.pipeline():
                for sql, values in statements:
                    await connection.execute(_placeholders(sql), values)

        await self._with_connection(run_on)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key, in this process and in the database.

        Raises:
            ApiError: With 503, the database cannot be reached.
        """
        async with super().lock(key):
            number = _number(key)
            wait = _FIRST_WAIT
            while not await self._finish(self._try_lock(number), number):
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            try:
                yield
            finally:
                await self._finish(self._unlock(number))

    async def key(self) -> bytes:
        """Return the key of the hashes, which is in a table of the database.

        Raises:
            ApiError: With 503, the database cannot be reached.
        """
        if not self._key:
            rows = await self.run("SELECT key FROM hef_chat_key WHERE id = 1")
            self._key = bytes.fromhex(rows[0][0])
        return self._key

    async def clear_deleted(self) -> None:
        """Do nothing: PostgreSQL overwrites what was deleted when it vacuums its tables."""

    async def close(self) -> None:
        """Close the connections; locks end with them."""
        if self._pool is not None:
            await self._pool.close()
        if self._locker is not None:
            await self._locker.close()
        self._pool = self._locker = None

    async def _with_connection(self, run_on: Callable[[AsyncConnection[tuple[Any, ...]]], Awaitable[Result]]) -> Result:
        """Return what is run on a connection; where that is lost, what is run on another.

        A database that restarts ends the connections of the pool one after the other. What gets none is not run again.
        """
        from psycopg_pool import PoolTimeout

        try:
            pool, lost = await self._open_pool(), 0
            while True:
                try:
                    async with pool.connection() as connection:
                        return await run_on(connection)
                except self._errors as error:
                    lost += 1
                    if lost > _CONNECTIONS or isinstance(error, PoolTimeout):
                        raise
                    await pool.check()
        except self._errors as error:
            raise _unreachable(error) from None

    async def _finish(self, work: Any, number: int | None = None) -> Any:
        """Return the result of some work with the locks, which is not cut short: nobody would know who holds them.

        Args:
            work: The work.
            number: The lock that it may take, to be given back where the caller has been cancelled meanwhile.
        """
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(*self._errors):
                if await task and number is not None:
                    await self._unlock(number)
            raise

    async def _try_lock(self, number: int) -> bool:
        try:
            rows = await self._ask("SELECT pg_try_advisory_lock(%s)", number)
        except self._errors as error:
            raise _unreachable(error) from None
        return bool(rows[0][0])

    async def _unlock(self, number: int) -> None:
        try:
            await self._ask("SELECT pg_advisory_unlock(%s)", number)
        except self._errors as error:
            _log.warning("the connection that held the locks is lost: %s", type(error).__name__)

    async def _ask(self, sql: LiteralString, number: int) -> list[tuple[Any, ...]]:
        """Run a statement on the connection of the locks, on a new one where that is lost."""
        connection = await self._open_locker()
        try:
            return await (await connection.execute(sql, [number])).fetchall()
        except self._errors:
            await connection.close()
        connection = await self._open_locker()
        return await (await connection.execute(sql, [number])).fetchall()

    async def _open_locker(self) -> AsyncConnection[tuple[Any, ...]]:
        from psycopg import AsyncConnection

        async with self._opening:
            if self._locker is None or self._locker.closed:
                self._locker = await AsyncConnection.connect(self._url, autocommit=True)
            return self._locker

    async def _open_pool(self) -> AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]:
        from psycopg_pool import AsyncConnectionPool

        async with self._opening:
            if self._pool is None:
                # Statements differ in how many values they have: preparing them would fill the server's memory.
                options: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}
                pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
                    self._url, min_size=1, max_size=_CONNECTIONS, timeout=_PATIENCE, kwargs=options, open=False
                )
                await pool.open()
                async with pool.connection() as connection, connection.transaction():
                    # Two processes that create a table at once would fail.
                    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_number("schema")])
                    await _prepare(connection)
                self._pool = pool
            return self._pool


async def _prepare(connection: AsyncConnection[tuple[Any, ...]]) -> None:
    """Create the tables, or bring those of an earlier version up to date: whose hashes have no key get one."""
    known = await connection.execute("SELECT to_regclass('hef_chat_key')")
    if (await known.fetchone() or (None,))[0]:
        return  # all is there since that table is; to look at each would lock them while others answer
    tables = (*TABLES, ADD_PERSON.format("IF NOT EXISTS"), f"CREATE UNLOGGED {ANSWERS}", *INDEXES, _KEY_TABLE)
    for statement in tables:
        await connection.execute(_placeholders(statement))
    key = secrets.token_bytes(KEY_BYTES)
    await connection.execute(_placeholders("INSERT INTO hef_chat_key (id, key) VALUES (1, ?)"), [key.hex()])
    # As `keyed` does in Python.
    inner, outer = (bytes(byte ^ pad for byte in key.ljust(_BLOCK, b"\0")) for pad in (0x36, 0x5C))
    for table, columns in KEYED.items():
        keyed = "left(encode(sha256(?::bytea || sha256(?::bytea || convert_to({0}, 'UTF8'))), 'hex'), 32)"
        changes = ", ".join(
            f"{column} = CASE {column} WHEN '' THEN '' ELSE {keyed.format(column)} END" for column in columns
        )
        await connection.execute(_placeholders(f"UPDATE {table} SET {changes}"), [outer, inner] * len(columns))


def _unreachable(error: Exception) -> ApiError:
    """Return what a client is told where the database cannot be reached; libpq's own words name the server."""
    _log.warning("the conversations in PostgreSQL cannot be reached: %s", type(error).__name__)
    message = "the server cannot reach its conversations; send the request again"
    return ApiError(503, message, "storage_unavailable")


def _placeholders(sql: str) -> bytes:
    """Return a statement with psycopg's placeholders; no value stands in its text."""
    return sql.replace("?", "%s").encode()


def _number(key: str) -> int:
    """Return the number of a lock in PostgreSQL."""
    return int.from_bytes(hashlib.sha256(f"hef chat turns {key}".encode()).digest()[:8], signed=True)
