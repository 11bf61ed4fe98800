"""One `hef serve chat` at a time on a home folder: which turn is being answered is known to its process alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..error_messages import Failure
from ..settings import make_home

LOCK_FILE = "chat-server.lock"
"""File of the home folder whose lock says that a server uses it; the system frees it when the process dies."""


@contextmanager
def sole_server(home: Path) -> Iterator[None]:
    """Serve from a home folder while no other process does.

    Two that did would run the same request twice, since the locks of turns in a file belong to a process.

    Args:
        home: The folder, which is made where it is missing.

    Raises:
        Failure: Another server uses it, or it cannot be locked.
    """
    make_home(home)
    lock = FileLock(home / LOCK_FILE, thread_local=False, mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Failure(
            f"another `hef serve chat` uses the folder {home}; end it, give this one another folder by --home, or set "
            "HEF_POSTGRES_URL (and HEF_CHROMA_URL), with which several serve the same people"
        ) from None
    except OSError as error:
        raise Failure(
            f"the folder {home} cannot be locked: {error.strerror}; give one on a local disk that you may write to by "
            "--home"
        ) from error
    try:
        yield
    finally:
        lock.release()  # the file stays: who unlinked it would take it from one that waits to lock it
