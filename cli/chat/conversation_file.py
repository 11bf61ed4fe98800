"""The conversations of `hef chat` on the disk: for their owner alone, one writer each, only their last state."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import FileLock, Timeout
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ..error_messages import Failure
from ..render import printable_name
from ..settings import make_home
from .chat_threads import CONVERSATIONS

_LOCKS = "open-conversations"
"""Folder of the locks of conversations that are open."""


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
            for table in ("checkpoints", "writes"):
                await self.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?", newest
                )
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
def sole_writer(
    home: Path, thread_id: str, name: str, advice: str = "leave that one, or give this one another name by --thread"
) -> Iterator[None]:
    """Hold a conversation open for this process alone; two that answer in one conversation lose each other's turns.

    Args:
        home: The folder of conversations.
        thread_id: The conversation.
        name: What the person calls it.
        advice: What to do where it is open.

    Raises:
        Failure: It is open in another process.
    """
    make_home(home / _LOCKS)
    file = home / _LOCKS / f"{hashlib.sha256(thread_id.encode(errors='replace')).hexdigest()[:32]}.lock"
    lock = FileLock(file, blocking=False, thread_local=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise Failure(f"the conversation {printable_name(name)!r} is open in another `hef chat`; {advice}") from None
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        lock.release()
