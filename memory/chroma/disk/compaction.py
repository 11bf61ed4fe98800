"""Compaction: rewrite a folder's files so that nothing of what was deleted is left in them.

Chroma deletes rows, but their words stay in SQLite's free pages, in its full-text index and in the queue of
writes, and their vectors in the files of the HNSW index; a deleted collection leaves its entire index behind. So
the rows that remain are copied to a new collection, the two swap names in one transaction, the old one is
dropped, and SQLite rewrites its file. Wherever that stops, the folder holds one complete collection under its
name; a mark in the folder says that work is left, and it is done again from the start.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from ....contract import StoreError
from ....contract.progress import Progress
from ..chroma_internals import open_database, purge_deleted, rename_collections, segment_ids
from ..client.location import StoreLocation
from ..client.open_collection import OpenCollection, close_location, discard_location, open_location
from ..embedding import placeholder_vector
from .disk_room import check_room_to_rewrite
from .folder_lock import exclusive
from .hnsw_files import blank_unused, drop_copies

_log = logging.getLogger(__name__)
_MARK = "erasing"
"""Name of the file that marks a folder with deleted rows that are still to be purged."""
_PAGE = 1000
"""Rows that are copied at once."""
_MIN_SYNC_THRESHOLD = 2
"""The smallest `sync_threshold` that Chroma takes, so the fewest rows that make it write an index."""
_FIELDS = ("ids", "embeddings", "metadatas", "documents")

FILLER_ROW_ID = "/"
"""Id of a row that belongs to nothing, where an emptied index would have none."""


def mark_for_compaction(location: StoreLocation) -> None:
    """Mark a folder, before anything is deleted, as one that `compact` must still rewrite."""
    if location.path is not None:
        with location.translate_errors("marked"):
            (location.path / _MARK).touch()


def resume_compaction(location: StoreLocation) -> None:
    """Compact a folder in which erasing was interrupted; do nothing elsewhere.

    Where that fails, the folder is as intact as before, so it is put off to the next time.
    """
    if location.path is None or not (location.path / _MARK).exists():
        return
    try:
        compact(location)
    except StoreError as error:
        _log.warning("Traces of what was deleted are still in %s: %s", location, error)


def compact(location: StoreLocation, report: Progress | None = None) -> None:
    """Rewrite the collection and the files of a folder that nobody has open; elsewhere do nothing.

    Takes as long as writing all rows again, and for that time twice the room on the disk.

    Args:
        location: Where the collection is.
        report: Receives the progress.

    Raises:
        StoreError: If the folder cannot be written or has no room, or another process or store has it open.
    """
    path = location.path
    if path is None:
        return
    with location.translate_errors("compacted"), exclusive(path, location.wait):
        check_room_to_rewrite(path)
        with _open(location) as opened:
            _drop(opened, _copy_name(location), _retired_name(location))
            copy = _copy(opened, _copy_name(location), report)
            new_names = {
                str(opened.collection.id): _retired_name(location),
                str(copy.id): location.collection,
            }
        _swap_names(path, new_names)
        with _open(location) as opened:
            _drop(opened, _retired_name(location))
        _purge(path)
        (path / _MARK).unlink(missing_ok=True)


@contextmanager
def _open(location: StoreLocation) -> Iterator[OpenCollection]:
    opened = open_location(location, None)
    try:
        yield opened
    except BaseException:
        discard_location(location, opened)
        raise
    close_location(location, opened)


def _copy_name(location: StoreLocation) -> str:
    return f"{location.collection}-copying"


def _retired_name(location: StoreLocation) -> str:
    return f"{location.collection}-retired"


def _drop(opened: OpenCollection, *names: str) -> None:
    existing = {collection.name for collection in opened.client.list_collections()}
    for name in existing.intersection(names):
        opened.client.delete_collection(name)


def _copy(opened: OpenCollection, name: str, report: Progress | None) -> Any:
    """Copy all rows in their order, which is the order of listings, so that the new index is on the disk.

    An index that was never written is made anew at each opening, at the size of its first hundred rows and
    filled with whatever the process had in that memory before, forgotten words among it. Chroma writes an index
    every `sync_threshold` rows, two or more, and makes one that is empty anew, too; hence the filler. Here it does
    so once, after the last row, since each time it writes all of it.
    """
    source = opened.collection
    hnsw, total = source.configuration_json["hnsw"], source.count()
    page = min(_PAGE, opened.max_batch)
    sync_once = {**hnsw, "sync_threshold": max(_MIN_SYNC_THRESHOLD, total)}
    copy = opened.client.create_collection(
        name, configuration={"hnsw": sync_once}, metadata=source.metadata, embedding_function=None
    )
    for start in range(0, total, page):
        rows = source.get(include=list(_FIELDS[1:]), limit=page, offset=start)
        copy.add(**{field: rows[field] for field in _FIELDS})
        if report:
            report("rewriting", start + len(rows["ids"]), total)
    if total < _MIN_SYNC_THRESHOLD:
        for _ in range(_MIN_SYNC_THRESHOLD):
            copy.upsert(
                ids=[FILLER_ROW_ID],
                embeddings=[placeholder_vector(FILLER_ROW_ID, opened.dims)],
                metadatas=[{"bare": True}],
                documents=["[]"],
            )
    copy.modify(configuration={"hnsw": {"sync_threshold": hnsw["sync_threshold"]}})
    return copy


def _swap_names(path: Path, names: dict[str, str]) -> None:
    """Rename collections by id, all or none; through Chroma there would be a moment without one under its name."""
    with open_database(path) as database:
        rename_collections(database, names)


def _purge(path: Path) -> None:
    """Delete the folder's files that belong to no collection, and rewrite the others without deleted rows."""
    drop_copies(path)
    with open_database(path) as database:
        purge_deleted(database)
        segments = segment_ids(database)
    for folder in path.iterdir():
        if folder.name in segments:
            blank_unused(folder)
        elif folder.is_dir() and _is_uuid(folder.name):
            shutil.rmtree(folder)


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
