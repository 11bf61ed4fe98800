"""The conversations of the page, which are those of `hef chat`: their names, who may write them, and forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..chat.chat_threads import belongs_to, thread_id, thread_name, thread_with
from ..chat.conversation_file import sole_writer
from ..chat.forget_conversations import forget_conversations, turns_with_the_same_words

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.store.base import BaseStore

    from ...contract import Memory
    from ..settings import Settings

PAUSE = timedelta(hours=4)
"""How long ago a conversation may have been that a new visit goes on with."""


class PageConversations:
    """One person's conversations in the folder of the settings.

    Args:
        settings: Folder and person.
        saver: The checkpointer; None where nothing is written down.
        store: The memory; None where nothing is remembered.
    """

    def __init__(self, settings: Settings, saver: AsyncSqliteSaver | None, store: BaseStore | None) -> None:
        self._home, self._person = settings.home, settings.person
        self._saver, self._store = saver, store
        self._locks: dict[str, ExitStack] = {}

    def thread_id(self, name: str) -> str:
        """Return the checkpointer's id of a conversation."""
        return thread_id(self._person, name)

    def named(self, character: str | None, name: str) -> str:
        """Return the name of a conversation with a character: each has conversations of its own."""
        return thread_with(character, name)

    async def names(self) -> list[str]:
        """Return the names of all conversations, the newest first."""
        if self._saver is None:
            return []
        await self._saver.setup()
        query = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY MAX(checkpoint_id) DESC"
        async with self._saver.conn.execute(query) as rows:
            threads = [str(thread) async for (thread,) in rows]
        return [thread_name(self._person, thread) for thread in threads if belongs_to(self._person, thread)]

    async def recent(self) -> str | None:
        """Return the name of the newest conversation, None where that was too long ago to go on with."""
        names = await self.names()
        if not names or self._saver is None:
            return None
        newest = await self._saver.aget_tuple({"configurable": {"thread_id": self.thread_id(names[0])}})
        if newest is None or datetime.now(UTC) - datetime.fromisoformat(newest.checkpoint["ts"]) > PAUSE:
            return None
        return names[0]

    def hold(self, name: str) -> None:
        """Keep a conversation for this process alone, until it ends.

        Raises:
            Failure: It is open in another process.
        """
        thread = self.thread_id(name)
        if self._saver is not None and thread not in self._locks:
            with ExitStack() as lock:
                lock.enter_context(sole_writer(self._home, thread, name, "leave that one, or begin a new one here"))
                self._locks[thread] = lock.pop_all()

    def release(self) -> None:
        """Leave all conversations to others."""
        while self._locks:
            self._locks.popitem()[1].close()

    async def forget(self, memories: Sequence[Memory]) -> list[str]:
        """Erase turns from the memory and from the conversations, and return what is left of them, in sentences.

        Raises:
            Failure: A conversation is open in `hef chat`.
            StoreError: A file cannot be written.
        """
        if self._store is None:
            return []
        names = [thread_name(self._person, thread) for thread in self._locks]
        self.release()
        try:
            return await asyncio.to_thread(self._forget, self._store, memories)
        finally:
            for name in names:
                self.hold(name)

    def _forget(self, store: BaseStore, memories: Sequence[Memory]) -> list[str]:
        from ...memory import Selection, erase_turns, list_turns, select_items
        from ...memory.chroma.disk.disk_room import retry_with_reserve

        selection = Selection(ids=tuple(memory.id for memory in memories))
        turns = [{**item.value, "id": item.key} for item in select_items(store, self._person, selection)]
        # The conversations first: what was in which is known from the memory alone.
        clean = partial(forget_conversations, self._home, self._person, turns, lambda thread: False)
        cleaned = retry_with_reserve(self._home / "memory", clean)
        erase_turns(store, self._person, selection)
        return [
            *cleaned.left,
            *cleaned.repeated,
            *turns_with_the_same_words(list_turns(store, self._person), cleaned.sayings),
        ]
