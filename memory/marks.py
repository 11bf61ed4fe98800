"""What people say of a stored turn: that it is always recalled (pinned), or never."""

from __future__ import annotations

from typing import Any

from langgraph.store.base import BaseStore, GetOp

from ..contract import Memory, SetupError
from ..contract.sync_async import maybe_await, run_sync
from .lifetime import is_hidden, refreshes
from .pins import Batch, change_pins
from .turns import Search, memory_from_item, put_turn, user_items, user_namespace


def mark_turn(
    store: BaseStore, user_id: str, id: str, *, pinned: bool | None = None, never_recall: bool | None = None
) -> Memory:
    """Mark a stored turn, and return it; what is None stays as it is.

    A turn is not both: the mark that is set takes the other one away.

    Args:
        store: Any LangGraph store.
        user_id: Whose turn.
        id: Its whole id.
        pinned: Whether it is always recalled, and kept beyond its time.
        never_recall: Whether it is still listed and exported, but neither recalled nor shown to any LLM.

    Raises:
        SetupError: No turn of this user has the id, or both marks are to be set.
    """
    return run_sync(_mark(store, store.search, store.batch, user_id, id, _marks(pinned, never_recall)))


async def amark_turn(
    store: BaseStore, user_id: str, id: str, *, pinned: bool | None = None, never_recall: bool | None = None
) -> Memory:
    """Mark a stored turn as `mark_turn` does, without blocking the event loop."""
    return await _mark(store, store.asearch, store.abatch, user_id, id, _marks(pinned, never_recall))


def _marks(pinned: bool | None, never_recall: bool | None) -> dict[str, bool]:
    if pinned and never_recall:
        raise SetupError("a turn cannot be both pinned and never recalled: set one of the two")
    if pinned or never_recall:
        return {"pinned": bool(pinned), "never_recall": bool(never_recall)}
    return {name: False for name, mark in (("pinned", pinned), ("never_recall", never_recall)) if mark is False}


async def _mark(
    store: BaseStore, search: Search, batch: Batch, user_id: str, id: str, marks: dict[str, bool]
) -> Memory:
    item: Any = (await maybe_await(batch([GetOp(user_namespace(user_id), id, refresh_ttl=refreshes(store))])))[0]
    if item is None:  # then it was said to a character
        item = next((item for item in await user_items(store, search, user_id, None) if item.key == id), None)
    if item is None or is_hidden(item.value) or (turn := memory_from_item(item)) is None:
        raise SetupError(f"no turn of this user has the id {id!r}; `hef memory list` shows those that are stored")
    # The value as it is, not the turn that is read from it: another program's fields stay. A store may count the item
    # as a new one, so when the turn happened is written where the first writing told it.
    value: dict[str, Any] = {name: field for name, field in item.value.items() if name not in marks}
    value |= {name: mark for name, mark in marks.items() if mark}
    if value != item.value:
        value |= {"time": turn.time} if "time" in value else {}
        await maybe_await(batch([put_turn(store, item.namespace, id, value)]))
    is_pinned = value.get("pinned") is True
    if "pinned" in marks:
        await change_pins(batch, item.namespace, [id] if is_pinned else [], [] if is_pinned else [id])
    return turn.model_copy(update=marks)
