"""The folder of a memory: made when missing, private, checked, and locked for one process at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ....contract import StoreError
from ....contract.errors import StoreTimeoutError
from ....contract.private_files import make_contents_private, make_private_folder

LOCK_FILE = "hef.lock"
"""Name of the file whose lock says that a process has the folder open; the system frees it when the process dies."""

_RETRY_SECONDS = 0.02
"""Time between two attempts to lock a folder that another process has open."""

_locks: dict[Path, FileLock] = {}
_lock_counts: dict[Path, int] = {}
_exclusive_threads: dict[Path, int] = {}
_guard = threading.Lock()


def acquire(path: Path, wait: float = 0.0) -> None:
    """Acquire the process lock of a folder, which is made if missing; `release` it as often as it was acquired.

    Chroma answers a second process from what it read at its opening, and two that write tear its HNSW index apart.

    Args:
        path: The folder.
        wait: Seconds to wait for another process that has it open.

    Raises:
        StoreError: If the folder cannot be made or written, or another process has it open all the time.
    """
    _prepare(path)
    deadline = time.monotonic() + wait
    while not _try_acquire(path):
        if time.monotonic() >= deadline:
            raise _in_use(path, wait)
        time.sleep(_RETRY_SECONDS)


def _try_acquire(path: Path) -> bool:
    """Acquire the lock of a folder, or return False where another process has it."""
    with _guard:
        if _exclusive_threads.get(path, threading.get_ident()) != threading.get_ident():
            raise StoreError(f"The memory in {path} is being rewritten by another thread. Try again when that is done.")
        if path not in _locks:
            lock = _lock(path)
            if lock is None:
                return False
            _locks[path] = lock
        _lock_counts[path] = _lock_counts.get(path, 0) + 1
        return True


def release(path: Path) -> None:
    """Release the lock of a folder once; the last release frees the folder for other processes."""
    with _guard:
        _lock_counts[path] -= 1
        if not _lock_counts[path]:
            make_contents_private(path)
            del _lock_counts[path]
            _locks.pop(path).release()


@contextmanager
def exclusive(path: Path, wait: float = 0.0) -> Iterator[None]:
    """Acquire a folder for this thread alone; it may open it within.

    Args:
        path: The folder.
        wait: Seconds to wait for another process that has it open.

    Raises:
        StoreError: If another process or another store of this one has it open.
    """
    acquire(path, wait)
    try:
        with _guard:
            if _lock_counts[path] > 1:
                raise StoreError(
                    f"The memory in {path} is open in another store of this process, so it cannot be rewritten. "
                    "Close that one first; what was deleted stays in the files until then."
                )
            _exclusive_threads[path] = threading.get_ident()
        yield
    finally:
        with _guard:
            if _exclusive_threads.get(path) == threading.get_ident():
                del _exclusive_threads[path]
        release(path)


def reset_after_fork() -> None:
    """Drop the parent's locks in a process that was just forked from it; the files stay locked by the parent."""
    global _guard
    _guard = threading.Lock()
    _exclusive_threads.clear()
    _locks.clear()
    _lock_counts.clear()


def _in_use(path: Path, wait: float) -> StoreError:
    error = StoreTimeoutError if wait else StoreError
    return error(
        f"The memory in {path} is open in another process. Close it there, or let both use one server: "
        f"`chroma run --path {path}`, and its address as url."
    )


def _lock(path: Path) -> FileLock | None:
    """Return the lock of a folder, None where another process has it."""
    lock = FileLock(path / LOCK_FILE, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    except OSError as error:
        raise StoreError(
            f"The memory folder {path} cannot be locked: {error.strerror}. Change the permissions of "
            f"{path / LOCK_FILE}, or give a folder on a local disk."
        ) from error
    return lock


def _prepare(path: Path) -> None:
    try:
        make_private_folder(path)
        make_contents_private(path)
    except OSError as error:
        raise StoreError(
            f"The memory folder {path} cannot be made: {error.strerror}. Give a folder you may write to."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError(f"The memory folder {path} is not writable. Change its permissions or give another.")
