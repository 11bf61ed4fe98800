"""The database of a folder in SQLite's write-ahead mode, in which a write waits for the disk half as often.

Chroma takes the mode that a database is in, and makes one that rolls back. Two libraries of SQLite in one process do
not see each other's locks, and one that opens the log takes it from the other: so the database is touched here
only where no Chroma of this process has it open, and its open files tell whether one still has.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil

DATABASE = "chroma.sqlite3"
"""Name of the database in a folder of Chroma's."""
_MODE = slice(18, 20)
_WRITE_AHEAD = b"\2\2"
"""Bytes of a database's header: https://sqlite.org/fileformat.html, 1.3.3."""
_PATIENCE_S = 30.0
_PAUSE_S = 0.01


def write_ahead(path: Path) -> None:
    """Let a folder's database write ahead, or make one that does; where the disk allows it, else leave it as it is.

    Args:
        path: A folder that no Chroma of this process has open.
    """
    if not _writes_ahead(path):
        # What is wrong with the file or the disk is for Chroma to say.
        with suppress(sqlite3.Error), closing(sqlite3.connect(path / DATABASE)) as database:
            database.execute("PRAGMA journal_mode = WAL")


def await_closed(path: Path) -> bool:
    """Wait until Chroma has let go of a database that writes ahead, and tell whether it has.

    Its connections close in threads after its client did. The last one takes the log away, but where two close at
    once neither is the last; so a log that stays is no sign, and the open files of the process tell.
    """
    end = time.monotonic() + _PATIENCE_S
    while (is_open := (path / f"{DATABASE}-shm").exists() and _has_open(path / DATABASE)) and time.monotonic() < end:
        time.sleep(_PAUSE_S)
    return not is_open


def _has_open(file: Path) -> bool:
    return str(file.resolve()) in {held.path for held in psutil.Process().open_files()}


def _writes_ahead(path: Path) -> bool:
    try:
        with (path / DATABASE).open("rb") as file:
            return file.read(_MODE.stop)[_MODE] == _WRITE_AHEAD
    except OSError:
        return False
