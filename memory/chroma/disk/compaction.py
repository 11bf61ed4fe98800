"""Compaction: leave nothing in a folder's files of what was deleted.

Chroma deletes rows, but their words stay in SQLite's free pages, in its full-text index and in the queue of
writes, and their vectors in the graph's files; a deleted collection leaves its graph behind as a whole. So
what is kept is copied to a new collection, the two change names in one transaction, the old one is
dropped, and SQLite writes its file anew. Wherever that stops, the folder holds one whole collection under its
name; a mark in the folder tells that work is left, and it is done again from the start.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from ....contract import StoreError
from ....contract.progress import Progress
from ..client.location import StoreLocation
from ..client.open_collection import OpenCollection, close_location, discard_location, open_location
from ..embedding import blank
from .folder_lock import exclusive
from .hnsw_backup import drop_copies
from .hnsw_files import blank_unused
from .sqlite_release import DATABASE, wait_until_closed

_log = logging.getLogger(__name__)
_MARK = "erasing"
_PAGE = 1000
_PATIENCE_S = 30.0
_FEWEST = 2
_FIELDS = ("ids", "embeddings", "metadatas", "documents")

FILLER_ROW_ID = "/"
"""Id of a row that belongs to nothing, where an emptied graph would have none."""


def mark_for_compaction(place: StoreLocation) -> None:
    """Mark a folder, before anything is deleted, as one that `compact` must still rewrite."""
    if place.path is not None:
        with place.translate_errors("marked"):
            (place.path / _MARK).touch()


def resume_compaction(place: StoreLocation) -> None:
    """Compact a folder in which erasing was broken off; do nothing elsewhere.

    Where that fails, the folder is as whole as before, so it is put off to the next time.
    """
    if place.path is None or not (place.path / _MARK).exists():
        return
    try:
        compact(place)
    except StoreError as error:
        _log.warning("Traces of what was deleted are still in %s: %s", place, error)


def compact(place: StoreLocation, report: Progress | None = None) -> None:
    """Rewrite the collection and the files of a folder that nobody has open; elsewhere do nothing.

    Takes as long as writing all rows again, and for that time twice the room on the disk.

    Args:
        place: Where the collection lies.
        report: Receives the progress.

    Raises:
        StoreError: If the folder cannot be written or another process or store has it open.
    """
    path = place.path
    if path is None:
        return
    with place.translate_errors("compacted"), exclusive(path):
        with _open(place) as opened:
            _drop(opened, _copying(place), _retired(place))
            copy = _copy(opened, _copying(place), report)
            old = str(opened.rows.id)
        _exchange(path, old, str(copy.id), place)
        with _open(place) as opened:
            _drop(opened, _retired(place))
        _scrub(path)
        (path / _MARK).unlink(missing_ok=True)


@contextmanager
def _open(place: StoreLocation) -> Iterator[OpenCollection]:
    opened = open_location(place, None)
    try:
        yield opened
    except BaseException:
        discard_location(place, opened)
        raise
    close_location(place, opened)


def _copying(place: StoreLocation) -> str:
    return f"{place.collection}-copying"


def _retired(place: StoreLocation) -> str:
    return f"{place.collection}-retired"


def _drop(opened: OpenCollection, *names: str) -> None:
    there = {found.name for found in opened.client.list_collections()}
    for name in there.intersection(names):
        opened.client.delete_collection(name)


def _copy(opened: OpenCollection, name: str, report: Progress | None) -> Any:
    """Copy all rows in their order, which is the order of listings, so that the new graph is on the disk.

    One that was never written is made anew at each opening, at the size of its first hundred rows and
    filled with whatever the process had in that memory before, forgotten words among it. Chroma writes a graph
    every `sync_threshold` rows, two or more, and makes one that is empty anew, too; hence the filler. Here it does
    so once, after the last row: each time it writes all of it.
    """
    source = opened.rows
    hnsw, total = source.configuration_json["hnsw"], source.count()
    page = min(_PAGE, opened.batch)
    once = {**hnsw, "sync_threshold": max(_FEWEST, total)}
    copy = opened.client.create_collection(
        name, configuration={"hnsw": once}, metadata=source.metadata, embedding_function=None
    )
    for start in range(0, total, page):
        rows = source.get(include=list(_FIELDS[1:]), limit=page, offset=start)
        copy.add(**{name: rows[name] for name in _FIELDS})
        if report:
            report("rewriting", start + len(rows["ids"]), total)
    if total < _FEWEST:
        for _ in range(_FEWEST):
            copy.upsert(
                ids=[FILLER_ROW_ID],
                embeddings=[blank(FILLER_ROW_ID, opened.dims)],
                metadatas=[{"bare": True}],
                documents=["[]"],
            )
    copy.modify(configuration={"hnsw": {"sync_threshold": hnsw["sync_threshold"]}})
    return copy


def _exchange(path: Path, old: str, new: str, place: StoreLocation) -> None:
    """Give the copy the collection's name, all or nothing; through Chroma there would be a moment without one."""
    with _database(path) as database:
        database.execute("BEGIN IMMEDIATE")
        for name, id in ((_retired(place), old), (place.collection, new)):
            database.execute("UPDATE collections SET name = ? WHERE id = ?", (name, id))
        database.execute("COMMIT")


def _scrub(path: Path) -> None:
    """Free the folder of what belongs to no collection, and the database of what it has deleted."""
    drop_copies(path)
    with _database(path) as database:
        database.execute("PRAGMA secure_delete = ON")
        database.execute("INSERT INTO embedding_fulltext_search(embedding_fulltext_search) VALUES ('rebuild')")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        segments = {str(id) for (id,) in database.execute("SELECT id FROM segments")}
    for folder in path.iterdir():
        if folder.name in segments:
            blank_unused(folder)
        elif folder.is_dir() and _is_uuid(folder.name):
            shutil.rmtree(folder)


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    if not wait_until_closed(path):
        raise StoreError(
            f"The database in {path} is still open in this process, so it cannot be rewritten. Start the process "
            "anew; what was deleted stays in the files until then."
        )
    file = f"{(path / DATABASE).as_uri()}?mode=rw"
    with closing(sqlite3.connect(file, uri=True, timeout=_PATIENCE_S, isolation_level=None)) as database:
        yield database


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
