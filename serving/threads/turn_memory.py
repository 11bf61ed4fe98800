"""What a transcript changes in the memory: turns that it no longer holds go, a reply is remembered as it shows it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from langgraph.store.base import BaseStore, PutOp

from ...contract.errors import error_text
from ...contract.text import MAX_STORED_CHARACTERS
from ...memory import turn_id, user_namespace
from ...memory.turns import INDEXED
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

    async def correct_reply(self, row: TurnRow, reply: str) -> str:
        """Remember another reply of a turn, and return what could not be done.

        The person chose one of several, edited it, or heard only its beginning.
        """
        if self.store is None:
            return ""
        try:
            for namespace in self._namespaces:
                if item := await self.store.aget(namespace, turn_id(row.thread, row.key)):
                    value = {**item.value, "reply": reply[-MAX_STORED_CHARACTERS:]}
                    await self.store.aput(namespace, item.key, value, index=INDEXED)
        except Exception as error:
            _log.warning("A reply is remembered as it was written: %s", type(error).__name__)
            return f"the reply that the conversation holds could not be remembered: {error_text(error)}"
        return ""

    @property
    def _namespaces(self) -> list[tuple[str, ...]]:
        own = user_namespace(self.person)
        return [own, user_namespace(self.person, self.character)] if self.character else [own]
