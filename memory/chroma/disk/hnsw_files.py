"""The files of a folder's HNSW indexes: checked before Chroma opens them, copied before they are written.

Chroma writes an index in place, every `sync_threshold` rows, and then its list of ids; an index whose writer was
killed in between does not open again. Chroma's database says how many rows the index on disk lacks, and still holds
them: with the index as it was before, nothing is lost. So an index is copied before the write that reaches the
threshold, and the copy is dropped when the index was written.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....contract import StoreError
from ..chroma_internals import (
    DATABASE,
    HEADER_FILE,
    IDS_FILE,
    LENGTH_BYTES,
    LENGTHS_FILE,
    LEVEL_0_FILE,
    hnsw_folders,
    hnsw_states,
    read_hnsw_header,
)

_COPY, _WASTE = ".before", ".waste"
"""Suffixes of an index's copy, and of a folder that is incomplete or about to be deleted."""
_THRESHOLD_FILE = "sync_threshold"
"""Name of the file in a copy that says after how many rows Chroma wrote the index."""


def check_files(path: Path) -> None:
    """Raise a `StoreError` when the database is missing beside an index of vectors, or an index is truncated.

    Chroma would begin anew without a word, or end the process. Only sizes are compared: damage within a file is
    reported by SQLite or Chroma, where they notice it.
    """
    indexes = hnsw_folders(path)
    database = path / DATABASE
    if indexes and (not database.exists() or not database.stat().st_size):
        raise _damaged(path, f"{DATABASE} is missing or empty, but there are vectors in {indexes[0].name}")
    for index in indexes:
        header, data = read_hnsw_header(index), index / LEVEL_0_FILE
        if header is None or not data.exists():
            raise _damaged(path, f"the vector index {index.name} is incomplete")
        if data.stat().st_size < header.rows * header.row_bytes:
            raise _damaged(path, f"{data.relative_to(path)} is cut short")


def blank_unused(index: Path) -> None:
    """Write zeros over the parts of an index's files that hold no row; Chroma never reads them.

    Chroma (hnswlib) writes the file of a new index at the size of its first hundred rows, filled with whatever the
    process had in that memory before, other people's words among it.

    Args:
        index: Folder of one index, which nobody has open. One that was never written is left alone.

    Raises:
        StoreError: If the files are of an unknown form.
    """
    if not (index / HEADER_FILE).exists():
        return
    header = read_hnsw_header(index)
    if header is None or not header.is_known:
        raise _unknown_form(index)
    for name, row_bytes in ((LEVEL_0_FILE, header.row_bytes), (LENGTHS_FILE, LENGTH_BYTES)):
        with (index / name).open("r+b") as file:
            used = header.rows * row_bytes
            unused = file.seek(0, os.SEEK_END) - used
            if unused < 0:
                raise _unknown_form(index)
            file.seek(used)
            file.write(bytes(unused))
            os.fsync(file.fileno())


def _damaged(path: Path, damage: str) -> StoreError:
    return StoreError(
        f"The memory in {path} is damaged: {damage}. Restore a copy of the entire folder, or give another."
    )


def _unknown_form(index: Path) -> StoreError:
    return StoreError(
        f"The vector index in {index} is of a form that this version does not know, so deleted vectors may be left in "
        "it. Use the chromadb version that `constraints.txt` of HEF names, or delete the folder of the memory."
    )


class HnswBackup:
    """The copies in one folder, for all stores of this process that have it open."""

    def __init__(self, path: Path, unsynced: int) -> None:
        """Describe the copies.

        Args:
            path: The folder.
            unsynced: Rows that its indexes on disk lack, or more.
        """
        self._path = path
        self._unsynced_at_opening = unsynced
        self._unsynced: dict[str, int] = {}
        self._writing = threading.RLock()
        self._sync_times: dict[Path, int] = {}
        """When each copied index was last written before its copy was made."""

    @contextmanager
    def guarded(self, collection: str, threshold: int, rows: int = 0) -> Iterator[None]:
        """Keep a copy of the indexes that Chroma may write meanwhile.

        Args:
            collection: Name of the collection that is written.
            threshold: After how many rows Chroma writes its index.
            rows: How many rows are written.
        """
        with self._writing:
            unsynced = self._unsynced.get(collection, self._unsynced_at_opening) + rows
            self._unsynced[collection] = unsynced
            if unsynced >= threshold:
                self._copy_indexes(threshold)
            yield
            if self._drop_outdated():
                self._unsynced[collection] = 0

    def is_due(self, collection: str, threshold: int) -> bool:
        """Return whether Chroma may write an index while it opens it, since a killed process left that to be done."""
        return self._unsynced.get(collection, self._unsynced_at_opening) >= threshold

    def _copy_indexes(self, threshold: int) -> None:
        for index in hnsw_folders(self._path):
            if index not in self._sync_times:
                copy = _copy_path(index)
                if not copy.exists():
                    incomplete = index.with_suffix(_WASTE)
                    shutil.rmtree(incomplete, ignore_errors=True)
                    _copy_index(index, incomplete)
                    (incomplete / _THRESHOLD_FILE).write_text(str(threshold))
                    incomplete.rename(copy)
                self._sync_times[index] = _sync_time(index)

    def _drop_outdated(self) -> bool:
        """Drop the copies of the indexes that were written since, and return whether there were any."""
        outdated = [index for index, time in self._sync_times.items() if _sync_time(index) != time]
        for index in outdated:
            del self._sync_times[index]
            _drop(_copy_path(index))
        return bool(outdated)


_backups: dict[Path, HnswBackup] = {}
"""Folders that this process has opened, and has not closed with success since."""


def is_tracked(path: Path) -> bool:
    """Return whether this process has opened a folder, and Chroma may have it open still."""
    return path in _backups


def hnsw_backup(path: Path) -> HnswBackup:
    """Return the copies of a folder; of one that somebody else has opened in this process nothing is known."""
    return _backups.setdefault(path, HnswBackup(path, sys.maxsize))


def restore_torn(path: Path) -> None:
    """Put back the indexes that a killed process may have left torn; done once, before Chroma opens the folder."""
    for waste in path.glob(f"*{_WASTE}"):
        shutil.rmtree(waste)
    unsynced = 0
    for state in hnsw_states(path):
        unsynced += state.unsynced_rows
        index = path / state.segment
        copy = _copy_path(index)
        if not state.was_synced:
            # It was never written to its end, so that all its rows are still in the database.
            shutil.rmtree(index, ignore_errors=True)
        elif copy.exists() and state.unsynced_rows >= int((copy / _THRESHOLD_FILE).read_text()):
            shutil.rmtree(index, ignore_errors=True)
            _copy_index(copy, index)
        elif copy.exists():
            _drop(copy)
    _backups[path] = HnswBackup(path, unsynced)


def forget(path: Path) -> None:
    """Forget a folder that Chroma has closed."""
    _backups.pop(path, None)


def drop_copies(path: Path) -> None:
    """Drop all copies in an intact folder that nobody has open."""
    for copy in path.glob(f"*{_COPY}"):
        _drop(copy)


def _copy_path(index: Path) -> Path:
    return index.with_suffix(_COPY)


def _copy_index(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(_THRESHOLD_FILE))


def _sync_time(index: Path) -> int:
    """Return when the ids of an index, which are written last, were written, in nanoseconds; 0 for never."""
    try:
        return (index / IDS_FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _drop(copy: Path) -> None:
    """Delete a copy, renamed first: half of one must never be taken for a complete one."""
    waste = copy.with_suffix(_WASTE)
    shutil.rmtree(waste, ignore_errors=True)
    copy.rename(waste)
    shutil.rmtree(waste)
