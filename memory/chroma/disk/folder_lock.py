"""The folder of a memory: made when missing, checked, and held by one process at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ....contract import StoreError

LOCK = "hef.lock"
"""Name of the file whose lock says that a process has the folder open; the system frees it when the process dies."""

_held: dict[Path, FileLock] = {}
_holders: dict[Path, int] = {}
_alone: dict[Path, int] = {}
_guard = threading.Lock()


def acquire(path: Path) -> None:
    """Make a folder if there is none, and keep other processes out until it is let go as often as it was held.

    Chroma answers a second process from what it read at its opening, and two that write tear its graph apart.

    Raises:
        StoreError: If the folder cannot be made or written, or another process has it open.
    """
    _prepare(path)
    with _guard:
        if _alone.get(path, threading.get_ident()) != threading.get_ident():
            raise StoreError(f"The memory in {path} is being rewritten by another thread. Try again when that is done.")
        if path not in _held:
            _held[path] = _lock(path)
        _holders[path] = _holders.get(path, 0) + 1


def release(path: Path) -> None:
    """Give a held folder back; the last holder of this process frees it."""
    with _guard:
        _holders[path] -= 1
        if not _holders[path]:
            del _holders[path]
            _held.pop(path).release()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a folder for this thread alone; it may open it within.

    Raises:
        StoreError: If another process or another store of this one has it open.
    """
    acquire(path)
    try:
        with _guard:
            if _holders[path] > 1:
                raise StoreError(
                    f"The memory in {path} is open in another store of this process, so it cannot be rewritten. "
                    "Close that one first; what was deleted stays in the files until then."
                )
            _alone[path] = threading.get_ident()
        yield
    finally:
        with _guard:
            if _alone.get(path) == threading.get_ident():
                del _alone[path]
        release(path)


def reset_after_fork() -> None:
    """Drop what the parent holds, in a process that was just forked from it; the lock itself stays the parent's."""
    global _guard
    _guard = threading.Lock()
    _alone.clear()
    _held.clear()
    _holders.clear()


def _lock(path: Path) -> FileLock:
    lock = FileLock(path / LOCK, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"The memory in {path} is open in another process. Close it there, or let both use one server: "
            f"`chroma run --path {path}`, and its address as url."
        ) from None
    except OSError as error:
        raise StoreError(
            f"The memory folder {path} cannot be locked: {error.strerror}. Change the permissions of "
            f"{path / LOCK}, or give a folder on a local disk."
        ) from error
    return lock


def _prepare(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The memory folder {path} cannot be made: {error.strerror}. Give a folder you may write to."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError(f"The memory folder {path} is not writable. Change its permissions or give another.")
