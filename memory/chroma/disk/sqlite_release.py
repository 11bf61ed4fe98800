"""When Chroma has let go of a folder's database, which may be one that writes ahead.

Two libraries of SQLite in one process do not see each other's locks, and one that opens the log takes it from the
other: so the database is touched here only where no Chroma of this process has it open.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

DATABASE = "chroma.sqlite3"
"""Name of the database in a folder of Chroma's."""
_PATIENCE_S = 30.0
_PAUSE_S = 0.01


def wait_until_closed(path: Path) -> bool:
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
