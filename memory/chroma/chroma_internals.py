"""Private parts of Chroma that the memory relies on: attributes, database schema and HNSW files, with their version.

Chroma has no public way to drop a client whose folder has failed, to rename two collections at once, or to see how
far the index on disk is behind the database. Everything that reaches past its public interface is in this module,
as read in chromadb 1.5; `tests/memory/chroma/test_chroma_internals.py` checks each part on the installed version.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from ...contract import StoreError

if TYPE_CHECKING:
    from chromadb.api.client import Client

FIRST_TESTED, FIRST_UNTESTED = (1, 5), (1, 6)
"""Versions of chromadb that this module was tested with: from the first of these, below the second."""
DATABASE = "chroma.sqlite3"
"""Name of Chroma's database in its folder."""
SCHEMA: dict[str, frozenset[str]] = {
    "collections": frozenset({"id", "name"}),
    "segments": frozenset({"id", "scope", "collection"}),
    "max_seq_id": frozenset({"segment_id", "seq_id"}),
    "embeddings_queue": frozenset({"seq_id", "topic"}),
    "embedding_fulltext_search": frozenset(),
}
"""Tables of the database that are read or written here, and their columns."""

HEADER_FILE, LEVEL_0_FILE, LENGTHS_FILE = "header.bin", "data_level0.bin", "length.bin"
"""Files of an HNSW index, in a folder named after its segment: header, vectors with links, lengths of the vectors."""
IDS_FILE = "index_metadata.pickle"
"""File of an HNSW index that lists the ids of its rows; Chroma writes it last."""
HNSW_VERSION = 1
"""Version of the index format, first number of the header."""
LENGTH_BYTES = 4
"""Bytes per row in `LENGTHS_FILE`."""

_HEADER = struct.Struct("<i6Q")
_UNSYNCED_ROWS = """
    SELECT segments.id, max_seq_id.seq_id IS NOT NULL, count(embeddings_queue.seq_id) FROM segments
    LEFT JOIN max_seq_id ON max_seq_id.segment_id = segments.id
    LEFT JOIN embeddings_queue ON embeddings_queue.topic LIKE '%/' || segments.collection
        AND embeddings_queue.seq_id > coalesce(max_seq_id.seq_id, 0)
    WHERE segments.scope = 'VECTOR' GROUP BY segments.id
"""
_CLOSE_TIMEOUT_S = 30.0
_POLL_INTERVAL_S = 0.01
_LOCK_TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)
_warned_versions: set[str] = set()


# Version


def check_chroma() -> None:
    """Check that the installed chromadb has the private names used here; warn once of a version that was not tested.

    Raises:
        StoreError: If one is missing.
    """
    if missing := missing_attributes():
        raise _unsupported(f"it has no {', '.join(missing)}")
    installed = version("chromadb")
    if not is_tested(installed) and installed not in _warned_versions:
        _warned_versions.add(installed)
        _log.warning("The memory was not tested with chromadb %s, only with %s.", installed, _tested_range())


def check_schema(path: Path) -> None:
    """Check that a version that was not tested keeps its database as those that were; Chroma must not have it open.

    Raises:
        StoreError: If a table or column that is used here is missing.
    """
    if is_tested(version("chromadb")) or not (path / DATABASE).exists():
        return
    with closing(sqlite3.connect(path / DATABASE)) as database:
        if missing := missing_columns(database):
            raise _unsupported(f"the database in {path} has no {', '.join(missing)}")


def is_tested(installed: str) -> bool:
    """Return whether a version of chromadb, such as "1.5.9", is in the tested range."""
    try:
        release = tuple(int(number) for number in installed.split(".")[:2])
    except ValueError:
        return False
    return FIRST_TESTED <= release < FIRST_UNTESTED


def missing_attributes() -> list[str]:
    """Return the private names of Chroma's client that the installed version lacks."""
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import System

    required = [
        (SharedSystemClient, "_identifier_to_system"),
        (SharedSystemClient, "_identifier_to_refcount"),
        (System, "instance"),
        (System, "stop"),
    ]
    return [f"{owner.__name__}.{name}" for owner, name in required if not hasattr(owner, name)]


def missing_columns(database: sqlite3.Connection) -> list[str]:
    """Return the tables and columns of `SCHEMA` that a database lacks; none for one that has no tables yet."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    missing: list[str] = []
    for table, columns in SCHEMA.items() if tables else ():
        present = {column for (column,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        missing += [] if table in tables else [f"table {table}"]
        missing += [f"column {table}.{column}" for column in sorted(columns - present) if table in tables]
    return missing


def _unsupported(reason: str) -> StoreError:
    return StoreError(
        f"The memory cannot use chromadb {version('chromadb')}: {reason}. Install a version that HEF was tested with: "
        f'pip install "chromadb{_tested_range()}".'
    )


def _tested_range() -> str:
    first, end = (".".join(map(str, release)) for release in (FIRST_TESTED, FIRST_UNTESTED))
    return f">={first},<{end}"


# Clients: Chroma keeps one system per folder and process, and counts the clients that share it.


def current_system(client: Client) -> Any:
    """Return the system that a client speaks to, None if Chroma keeps another for its folder by now."""
    from chromadb.api import ServerAPI

    server: Any = ServerAPI
    system = type(client)._identifier_to_system.get(client._identifier)
    return system if system is not None and system.instance(server) is client._server else None


def limit_requests(client: Any, seconds: float) -> None:
    """Limit how long a client of a server waits for each answer; Chroma sets no limit and has no option for it."""
    client._server._session.timeout = seconds


def stop_system(client: Client) -> bool:
    """Stop the system of a client, so that the next client of the folder gets a new one; return whether it ran."""
    system = current_system(client)
    if system is None:
        return False
    owner = type(client)
    owner._identifier_to_system.pop(client._identifier, None)
    owner._identifier_to_refcount.pop(client._identifier, None)
    system.stop()
    return True


def has_clients(path: Path) -> bool:
    """Return whether a client of this process has a folder open, this package's or somebody else's."""
    from chromadb.api.shared_system_client import SharedSystemClient

    return str(path) in SharedSystemClient._identifier_to_refcount


def forget_failed_system(path: Path) -> None:
    """Drop the broken system that Chroma keeps after a failed opening, so that a repaired folder opens."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if not has_clients(path):
        SharedSystemClient._identifier_to_system.pop(str(path), None)


def forget_loop_connections(loop: asyncio.AbstractEventLoop) -> None:
    """Drop the HTTP connections that Chroma keeps by the hash of a loop, which a new loop may share with a dead one."""
    from chromadb.api.async_fastapi import AsyncFastAPI

    # A version without this cache does not need the cure.
    getattr(AsyncFastAPI, "_clients", {}).pop(hash(loop), None)


# Database


def wait_until_closed(path: Path) -> bool:
    """Wait until Chroma has closed the database of a folder, if it is in WAL mode, and return whether it has.

    Two SQLite libraries in one process do not see each other's locks, and one that opens the WAL takes it from the
    other: so the database is touched here only where no Chroma of this process has it open. Chroma's connections close
    in threads after its client did. The last one removes the WAL, but where two close at once neither is the
    last; so a WAL that stays is no sign, and the open files of the process tell.
    """
    end = time.monotonic() + _CLOSE_TIMEOUT_S
    while (is_open := (path / f"{DATABASE}-shm").exists() and _is_open(path / DATABASE)) and time.monotonic() < end:
        time.sleep(_POLL_INTERVAL_S)
    return not is_open


def _is_open(file: Path) -> bool:
    return str(file.resolve()) in {open_file.path for open_file in psutil.Process().open_files()}


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a folder that no Chroma has open, for statements that commit one by one.

    Raises:
        StoreError: If Chroma does not close it in time, or another program reads or writes it.
    """
    if not wait_until_closed(path):
        raise StoreError(
            f"The database in {path} is still open in this process, so it cannot be rewritten. Start the process "
            "anew; what was deleted stays in the files until then."
        )
    uri = f"{(path / DATABASE).as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_TIMEOUT_S, isolation_level=None)) as database:
        try:
            yield database
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise StoreError(
                f"{path / DATABASE} is in use by another program, so it cannot be rewritten. End that; what was "
                "deleted stays in the file until the memory is opened next."
            ) from error


def rename_collections(database: sqlite3.Connection, names: dict[str, str]) -> None:
    """Rename collections, given as new names by id, in one transaction."""
    database.execute("BEGIN IMMEDIATE")
    for id, name in names.items():
        database.execute("UPDATE collections SET name = ? WHERE id = ?", (name, id))
    database.execute("COMMIT")


def purge_deleted(database: sqlite3.Connection) -> None:
    """Rewrite the database without its deleted rows, in the full-text index, too."""
    database.execute("PRAGMA secure_delete = ON")
    database.execute("INSERT INTO embedding_fulltext_search(embedding_fulltext_search) VALUES ('rebuild')")
    database.execute("VACUUM")
    busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the database is locked by a reader")


def segment_ids(database: sqlite3.Connection) -> set[str]:
    """Return the ids of all segments, which are the folder names of their HNSW indexes."""
    return {str(id) for (id,) in database.execute("SELECT id FROM segments")}


class HnswState(NamedTuple):
    """How far an HNSW index on disk is behind the database."""

    segment: str
    """Name of the index folder."""
    was_synced: bool
    """Whether the index was ever written to its end."""
    unsynced_rows: int
    """Rows of the database's queue that the index on disk lacks."""


def hnsw_states(path: Path) -> list[HnswState]:
    """Return the state of each HNSW index of a folder that no Chroma has open."""
    if not (path / DATABASE).exists():
        return []
    try:
        with closing(sqlite3.connect(path / DATABASE)) as database:
            return [
                HnswState(segment, bool(synced), rows) for segment, synced, rows in database.execute(_UNSYNCED_ROWS)
            ]
    except sqlite3.Error:
        # A new database has no tables yet, and what is wrong with an old one Chroma reports.
        return []


# HNSW files (hnswlib's `persistHeader`, as Chroma has it)


class HnswHeader(NamedTuple):
    """Beginning of the header of an HNSW index."""

    version: int
    """Version of the format."""
    links_offset: int
    """Offset of a row's links within the row."""
    capacity: int
    """Rows that the files have room for."""
    rows: int
    """Rows of the index."""
    row_bytes: int
    """Bytes per row in `LEVEL_0_FILE`."""
    label_offset: int
    """Offset of a row's label within the row."""
    vector_offset: int
    """Offset of a row's vector within the row."""

    @property
    def is_known(self) -> bool:
        """Whether version and numbers are of the known form."""
        return (
            self.version == HNSW_VERSION
            and self.rows <= self.capacity
            and self.vector_offset < self.label_offset < self.row_bytes
        )


def read_hnsw_header(index: Path) -> HnswHeader | None:
    """Return the header of an index folder, None where it is too short for one."""
    data = (index / HEADER_FILE).read_bytes()
    return HnswHeader(*_HEADER.unpack_from(data)) if len(data) >= _HEADER.size else None


def hnsw_folders(path: Path) -> list[Path]:
    """Return the folders of HNSW indexes, copies of ours (which have a suffix) left out."""
    return [header.parent for header in path.glob(f"*/{HEADER_FILE}") if not header.parent.suffix]
