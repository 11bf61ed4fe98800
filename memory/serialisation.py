"""A turn as it lies in the store, and back."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from typing import Any

from langgraph.store.base import Item
from pydantic import ValidationError

from ..contract import Memory
from ..contract.text import split_clauses

INDEXED = ["text", "clauses[*]"]
"""What is embedded: the person's words, as a whole and clause by clause; never the reply."""
_log = logging.getLogger(__name__)


def turn_id(thread: str, turn: str) -> str:
    """Return the id of a turn, the same each time the turn is run.

    Args:
        thread: Id of the conversation.
        turn: Id of the person's message in it.
    """
    return hashlib.sha256(json.dumps([thread, turn]).encode()).hexdigest()


def value_of(user_id: str, memory: Memory) -> dict[str, Any]:
    """Return what is stored of a turn."""
    held = memory.model_dump(mode="json", exclude={"score"})
    return {**held, "clauses": split_clauses(memory.text), "user_id": user_id}


def memories_of(items: Iterable[Item]) -> list[Memory]:
    """Return the turns of a user's items; what is none is passed over with a warning."""
    return [memory for memory in map(from_item, items) if memory is not None]


def from_item(item: Item) -> Memory | None:
    """Return the turn that an item holds, None where HEF did not store it.

    A turn that is replayed is written again, with the time of the replay; it happened when it was first stored.
    """
    try:
        memory = Memory.model_validate({**item.value, "id": item.key})
    except ValidationError:
        _log.warning("Passed over %r in %r: it is no turn that HEF stored.", item.key, item.namespace)
        return None
    return memory.model_copy(update={"time": min(memory.time, item.created_at.timestamp())})
