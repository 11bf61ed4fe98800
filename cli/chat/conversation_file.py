"""The conversations of `hef chat` on the disk: for their owner alone, one writer each, only their last state."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import FileLock, Timeout
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ..error_messages import Failure
from ..render import printable_name
from ..settings import make_home
from .chat_threads import CONVERSATIONS, DELETE_EARLIER

_LOCKS = "open-conversations"
"""Folder of the locks of conversations that are open."""
_TURN_SECONDS = 600.0
"""How long is waited for a turn that another process runs: an LLM on a processor may take minutes."""


class OpenElsewhere(Failure):
    """A conversation is open in another process."""


class LastStateSaver(AsyncSqliteSaver):
    """A checkpointer that keeps the newest checkpoint of a thread, with its writes, which is all that resuming needs.

    Every checkpoint holds all messages, so that a thread whose checkpoints are all kept grows with the square of its
    turns.
    """

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """Save a checkpoint and delete those before it, with their writes."""
        saved = await super().aput(config, checkpoint, metadata, new_versions)
        configurable = saved["configurable"]
        newest = (str(configurable["thread_id"]), configurable["checkpoint_ns"], checkpoint["id"])
        async with self.lock:
            for statement in DELETE_EARLIER:
                await self.conn.execute(statement, newest)
            await self.conn.commit()
        return saved


@asynccontextmanager
async def open_conversations(home: Path) -> AsyncIterator[LastStateSaver]:
    """Open the file of conversations, which is created where it is missing, for its owner alone."""
    make_home(home)
    file = home / CONVERSATIONS
    file.touch(mode=0o600)  # what SQLite creates beside it gets the same permissions
    async with aiosqlite.connect(str(file)) as connection:
        yield LastStateSaver(connection)


@contextmanager
def turn_lock(home: Path, person: str, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Run a turn of a person, or change their conversations, while no other process does.

    It is acquired before the memory is opened, by all.

    Args:
        home: The folder of conversations.
        person: Whose turn it is.
        waits: Called where another process has it, before it is waited for.

    Raises:
        Failure: Another process has it for ten minutes.
    """
    lock = _lock(home, person, "turn")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waits()
        try:
            lock.acquire(timeout=_TURN_SECONDS)
        except Timeout:
            raise Failure(
                f"another process has been changing the conversations of {printable_name(person)} for "
                f"{_TURN_SECONDS / 60:g} minutes; end it and do this again"
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def sole_writer(home: Path, thread_id: str, name: str) -> Iterator[None]:
    """Hold a conversation open for this process alone; two that answer in one conversation lose each other's turns.

    Args:
        home: The folder of conversations.
        thread_id: The conversation.
        name: What the person calls it.

    Raises:
        OpenElsewhere: It is open in another process.
    """
    lock = _lock(home, thread_id, "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise OpenElsewhere(
            f"the conversation {printable_name(name)!r} is open in another `hef chat`; leave that one, or give this "
            "one another name by --thread"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def _lock(home: Path, name: str, suffix: str) -> FileLock:
    make_home(home / _LOCKS)
    file = home / _LOCKS / f"{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:32]}.{suffix}"
    return FileLock(file, thread_local=False, mode=0o600)
