"""What a transcript changes in the memory: turns it no longer holds go, or come back, and replies change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.store.base import BaseStore, GetOp, Item, PutOp

from ...contract.errors import error_text
from ...contract.text import MAX_STORED_CHARACTERS
from ...memory import turn_id, user_namespace
from ...memory.lifetime import SET_ASIDE
from ...memory.selection import said_at
from ...memory.turns import put_turn, start_sweeper, write_turns
from .edited_words import edited_value
from .turn_table import TurnRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnMemory:
    """The memory of a person with a character; what fails is told and does not end the turn."""

    store: BaseStore | None
    """Where it is; None where nothing is remembered."""
    person: str
    """Whose memory."""
    character: str | None
    """With whom. A character may share its memory, and turns are then the person's own."""

    async def words(self, rows: Sequence[TurnRow]) -> dict[str, str]:
        """Return what was said in turns, by the ids of their rows, as far as it is remembered and can be read."""
        if self.store is None or not rows:
            return {}
        keys = [(row.id, names, turn_id(row.thread, row.key)) for row in rows for names in self._namespaces]
        try:
            items = await self.store.abatch(
                [GetOp(names, memory_id, refresh_ttl=False) for _, names, memory_id in keys]
            )
        except Exception as error:
            _log.warning("Earlier first words cannot be read: %s", type(error).__name__)
            return {}
        stored = zip(keys, items, strict=True)
        return {id: str(item.value.get("text", "")) for (id, _, _), item in stored if isinstance(item, Item)}

    async def forget(self, rows: Sequence[TurnRow]) -> str:
        """Delete turns, and return what could not be done."""
        if self.store is None or not rows:
            return ""
        ids = [turn_id(row.thread, row.key) for row in rows]
        try:
            await self.store.abatch([PutOp(names, memory_id, None) for names in self._namespaces for memory_id in ids])
        except Exception as error:
            _log.warning("Turns that were edited away stay in the memory: %s", type(error).__name__)
            return f"what the conversation no longer holds could not be forgotten: {error_text(error)}"
        return ""

    async def set_aside(self, rows: Sequence[TurnRow]) -> str:
        """Keep turns where nobody is shown them, and return what could not be done."""
        return await self._mark(rows, is_set=True)

    async def take_back(self, rows: Sequence[TurnRow]) -> str:
        """Show turns again that were set aside, and return what could not be done."""
        return await self._mark(rows, is_set=False)

    async def _mark(self, rows: Sequence[TurnRow], *, is_set: bool) -> str:
        if self.store is None or not rows:
            return ""
        ids = [turn_id(row.thread, row.key) for row in rows]
        try:
            gets = [GetOp(names, memory_id, refresh_ttl=False) for names in self._namespaces for memory_id in ids]
            items: list[Any] = await self.store.abatch(gets)
            changed = [item for item in items if item and (item.value.get(SET_ASIDE) is True) != is_set]
            puts = [put_turn(self.store, item.namespace, item.key, _marked(item, is_set)) for item in changed]
            if puts:
                await write_turns(self.store, self.store.abatch, puts)
                start_sweeper(self.store, puts)
        except Exception as error:
            _log.warning("The memory is not what the conversation shows: %s", type(error).__name__)
            cause = "no longer holds could not be forgotten" if is_set else "shows again could not be taken back"
            return f"what the conversation {cause}: {error_text(error)}"
        return ""

    async def correct_reply(self, row: TurnRow, reply: str) -> str:
        """Remember another reply of a turn, and return what could not be done.

        The person chose one of several, edited it, or heard only its beginning.
        """
        return await self._change(row, "reply", lambda value: {"reply": reply[-MAX_STORED_CHARACTERS:]})

    async def correct_words(self, row: TurnRow, words: str) -> str:
        """Remember a turn in the words that the person gave it afterwards, and return what could not be done.

        What was felt in the old words is not what is felt in the new ones, unless the person said so or they differ by
        little.
        """
        return await self._change(row, "message", lambda value: edited_value(value, words))

    async def _change(self, row: TurnRow, what: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> str:
        if self.store is None:
            return ""
        memory_id = turn_id(row.thread, row.key)
        try:
            items = await self.store.abatch([GetOp(names, memory_id, refresh_ttl=False) for names in self._namespaces])
            stored = [item for item in items if isinstance(item, Item)]
            changed = await asyncio.to_thread(lambda: [change(item.value) for item in stored])
            puts = [
                put_turn(self.store, item.namespace, item.key, {**item.value, "time": said_at(item), **changes})
                for item, changes in zip(stored, changed, strict=True)
                if changes
            ]
            if puts:
                await write_turns(self.store, self.store.abatch, puts)
        except Exception as error:
            _log.warning("A %s is remembered as it was written: %s", what, type(error).__name__)
            return f"the {what} that the conversation holds could not be remembered: {error_text(error)}"
        return ""

    @property
    def _namespaces(self) -> list[tuple[str, ...]]:
        own = user_namespace(self.person)
        return [own, user_namespace(self.person, self.character)] if self.character else [own]


def _marked(item: Item, is_set: bool) -> dict[str, Any]:
    """Return the value of a turn that is set aside, or no longer; it happened when it was first stored."""
    value = {name: field for name, field in item.value.items() if name != SET_ASIDE}
    return {**value, "time": said_at(item), **({SET_ASIDE: True} if is_set else {})}
