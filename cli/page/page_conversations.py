"""The conversations of the page, which are those of `hef chat`: their names, who may write them, and forgetting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from ..chat import conversation_list
from ..chat.chat_threads import thread_id
from ..chat.conversation_file import sole_writer, turn_lock
from ..memory.forget import forget_selected

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

    from ...contract import Memory
    from ..settings import Settings


class PageConversations:
    """One person's conversations in the folder of the settings.

    Args:
        settings: Folder and person.
        store: The memory; None where nothing is written down.
    """

    def __init__(self, settings: Settings, store: BaseStore | None) -> None:
        self._settings, self._store = settings, store
        self._home, self._person = settings.home, settings.person
        self._open: dict[str, ExitStack] = {}
        self._visits: Counter[str] = Counter()
        """By name how many visits have a conversation open."""
        self._one_at_a_time = asyncio.Lock()

    def thread_id(self, name: str) -> str:
        """Return the checkpointer's id of a conversation."""
        return thread_id(self._person, name)

    async def names(self) -> dict[str, str]:
        """Return the names of all conversations, the newest first, with the id of the character that each is with."""
        return await asyncio.to_thread(self._names)

    async def recent(self, character: str) -> str | None:
        """Return the conversation of today with a character, or with none; None where a new one begins."""
        if self._store is None:
            return None
        function = conversation_list.conversation_to_continue
        return await asyncio.to_thread(function, self._home, self._person, character or None)

    async def new_name(self, character: str) -> str:
        """Return the name of a new conversation with a character, or with none."""
        taken = {*await self.names(), *self._open}
        return next(conversation_list.day_names(conversation_list.local_now(), character or None, taken))

    def is_over(self, name: str, last: datetime) -> bool:
        """Return whether another conversation begins, so long after the last turn of one that nobody named."""
        return conversation_list.names_day(name) and conversation_list.is_over(last, conversation_list.local_now())

    def hold(self, name: str) -> None:
        """Keep a conversation for this process alone, until every visit that has it open has left it.

        Raises:
            OpenElsewhere: It is open in another process.
        """
        if name not in self._open:
            with ExitStack() as lock:
                if self._store is not None:
                    lock.enter_context(sole_writer(self._home, self.thread_id(name), name))
                self._open[name] = lock.pop_all()
        self._visits[name] += 1

    def leave(self, name: str) -> None:
        """Leave a conversation to other processes, where no other visit has it open."""
        self._visits[name] -= 1
        if self._visits[name] <= 0 and (lock := self._open.pop(name, None)):
            lock.close()

    def release(self) -> None:
        """Leave all conversations to others."""
        self._visits.clear()
        while self._open:
            self._open.popitem()[1].close()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run a turn, or change conversations, while nobody else does: no other visit, and no other process.

        Raises:
            Failure: Another process does for ten minutes.
        """
        async with self._one_at_a_time:
            if self._store is None:
                yield
                return
            lock = turn_lock(self._home, self._person)
            acquiring = asyncio.ensure_future(asyncio.to_thread(lock.__enter__))
            try:
                await asyncio.shield(acquiring)
            except asyncio.CancelledError:
                acquiring.add_done_callback(lambda done: done.exception() or lock.__exit__(None, None, None))
                raise
            try:
                yield
            finally:
                lock.__exit__(None, None, None)

    async def forget(self, memories: Sequence[Memory]) -> list[str]:
        """Erase turns from the memory and from the conversations, and return what is left of them, in sentences.

        Raises:
            StoreError: A file cannot be written.
        """
        if self._store is None:
            return []
        from ...memory import Selection

        selection = Selection(ids=tuple(memory.id for memory in memories))
        async with self.alone():
            _, cleaned = await asyncio.to_thread(forget_selected, self._settings, self._store, selection)
        return [*cleaned.left, *cleaned.repeated]

    def _names(self) -> dict[str, str]:
        if self._store is None:
            return {}
        kept = conversation_list.kept_conversations(self._home, self._person)
        return {conversation.name: conversation.character or "" for conversation in kept}
