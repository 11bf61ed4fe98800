"""Room on the disk: a reserve that lets a full one still be opened and deleted from, and what rewriting needs.

Chroma writes whenever it opens a folder, so a disk without a free block would lock its owner out: nothing could be
read, and nothing be deleted to make room.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ....contract import StoreError

_T = TypeVar("_T")

RESERVE_FILE = "reserve"
"""Name of the file that takes the room of the reserve; it is deleted when the disk is full."""
_MIN_RESERVE, _MAX_RESERVE = 1 << 20, 16 << 20
"""Bytes of a reserve, which is as large as the folder within these limits."""
_MIN_FREE = 4
"""A reserve is set aside where this many times its size is free."""
_ROWS_AT_ONCE = 20
"""Ops that are written at once where there is little room."""
_FULL = ("disk is full", "No space left", "os error 28")
"""What SQLite, Python and Rust say of a full disk."""


def keep_reserve(path: Path) -> None:
    """Set a reserve aside in a folder, or enlarge one of less than half the size, unless there is little room left."""
    file, size = path / RESERVE_FILE, _reserve_size(path)
    present = file.stat().st_size if file.exists() else 0
    if present >= size // 2 or shutil.disk_usage(path).free < _MIN_FREE * size:
        return
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as reserve:
            reserve.write(os.urandom(size - present))  # zeros would take no room on disks that compress
    except OSError:
        with suppress(OSError):
            file.unlink()


def retry_with_reserve(path: Path | None, work: Callable[[], _T]) -> _T:
    """Do work on a folder; where the disk is full, give up its reserve and do it again.

    Args:
        path: The folder; None for a memory that is in none.
        work: What raises a `StoreError` where there is no room.
    """
    try:
        return work()
    except StoreError as error:
        if path is None or not any(words in str(error) for words in _FULL) or not (path / RESERVE_FILE).exists():
            raise
    (path / RESERVE_FILE).unlink()
    return work()


def portions_to_delete(path: Path | None, deletes: Iterable[_T]) -> list[list[_T]]:
    """Return deletes all at once, or few at a time where a folder's disk is short of room, its reserve given up.

    Few at a time, SQLite's journal stays small.

    Raises:
        StoreError: There is not even room for that; a delete that stops half way would leave a folder that cannot be
            opened.
    """
    remaining = list(deletes)
    if path is None or not _lacks_room(path):
        return [remaining]
    (path / RESERVE_FILE).unlink(missing_ok=True)
    needed, free = _reserve_size(path) / 2, shutil.disk_usage(path).free
    if free < needed:
        raise StoreError(
            f"Nothing was deleted from the memory in {path}: that takes {needed / 1e6:.1f} MB on its disk, of which "
            f"{free / 1e6:.1f} MB are free. Make room and do it again."
        )
    return [remaining[start : start + _ROWS_AT_ONCE] for start in range(0, len(remaining), _ROWS_AT_ONCE)]


def check_room_to_rewrite(path: Path) -> None:
    """Raise a `StoreError` where a folder cannot be rewritten for lack of room, before anything is begun."""
    if _lacks_room(path):
        raise StoreError(
            f"The memory in {path} cannot be rewritten: that takes {2 * stored_bytes(path) / 1e6:.1f} MB on its disk, "
            f"of which {shutil.disk_usage(path).free / 1e6:.1f} MB are free. Make room; what was deleted is in no "
            "search or listing, and stays in the files until the memory is opened next."
        )


def _lacks_room(path: Path) -> bool:
    """Return whether there is no room to rewrite a folder: for a copy of all rows, and SQLite's copy of its file."""
    return shutil.disk_usage(path).free < 2 * stored_bytes(path)


def _reserve_size(path: Path) -> int:
    return min(max(stored_bytes(path), _MIN_RESERVE), _MAX_RESERVE)


def stored_bytes(path: Path) -> int:
    """Return the size of a folder's files without the reserve."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.name != RESERVE_FILE)
