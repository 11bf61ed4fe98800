"""The memory of past turns, on top of any LangGraph store."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Iterable, Sequence
from itertools import count
from typing import Any, TypeAlias

from langgraph.store.base import BaseStore, Item, Op, PutOp, SearchItem, SearchOp
from pydantic import ValidationError

from ..contract import Memory
from .users import namespace_of

_log = logging.getLogger(__name__)
_SPARE = 16
_PAGE = 1000

Question: TypeAlias = Generator[SearchOp, list[SearchItem], list[SearchItem]]
"""Asks for searches and returns the items it settled on; the caller runs them, waiting or awaiting."""


def turn_id(thread: str, turn: str) -> str:
    """Return the id of a turn, the same each time the turn is run.

    Args:
        thread: Id of the conversation.
        turn: Id of the person's message in it.
    """
    return hashlib.sha256(json.dumps([thread, turn]).encode()).hexdigest()


def remember_turn(store: BaseStore, user_id: str, memory: Memory, *, thread: str = "") -> None:
    """Store a turn in one write; a turn that is stored already is replaced.

    Args:
        store: Any LangGraph store; with an index, the person's text is what is embedded.
        user_id: Whose turn it is.
        memory: The turn; its `id` is the key, see `turn_id`.
        thread: The conversation it belongs to.
    """
    store.put(namespace_of(user_id), memory.id, _value(user_id, memory, thread), index=["text"])


async def aremember_turn(store: BaseStore, user_id: str, memory: Memory, *, thread: str = "") -> None:
    """Store a turn as `remember_turn` does, without blocking the event loop."""
    await store.aput(namespace_of(user_id), memory.id, _value(user_id, memory, thread), index=["text"])


def _value(user_id: str, memory: Memory, thread: str) -> dict[str, Any]:
    return {**memory.model_dump(mode="json", exclude={"score"}), "thread": thread, "user_id": user_id}


def recall_turns(
    store: BaseStore, user_id: str, query: str, limit: int = 3, *, exclude_thread: str | None = None
) -> list[Memory]:
    """Return a user's past turns that bear on a text, most similar first.

    Among equally similar ones the newest come first. Where the store has no index, or the text is
    blank, the newest turns are returned, without a score.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        query: What they should bear on.
        limit: How many at most.
        exclude_thread: A conversation to leave out, because its turns are at hand already.
    """
    asking = _recall(namespace_of(user_id), query, limit, exclude_thread)
    return _memories(_answer(store, asking))


async def arecall_turns(
    store: BaseStore, user_id: str, query: str, limit: int = 3, *, exclude_thread: str | None = None
) -> list[Memory]:
    """Return past turns as `recall_turns` does, without blocking the event loop."""
    asking = _recall(namespace_of(user_id), query, limit, exclude_thread)
    return _memories(await _aanswer(store, asking))


def list_turns(store: BaseStore, user_id: str) -> list[Memory]:
    """Return all turns of a user, newest first."""
    return _memories(_answer(store, _newest(namespace_of(user_id), None)))


async def alist_turns(store: BaseStore, user_id: str) -> list[Memory]:
    """Return all turns of a user, newest first, without blocking the event loop."""
    return _memories(await _aanswer(store, _newest(namespace_of(user_id), None)))


def forget_turns(store: BaseStore, user_id: str, ids: Iterable[str] | None = None) -> int:
    """Delete turns of a user, by default all, and return how many there were."""
    doomed = _doomed(_answer(store, _newest(namespace_of(user_id), None)), ids)
    store.batch(doomed)
    return len(doomed)


async def aforget_turns(store: BaseStore, user_id: str, ids: Iterable[str] | None = None) -> int:
    """Delete turns as `forget_turns` does, without blocking the event loop."""
    doomed = _doomed(await _aanswer(store, _newest(namespace_of(user_id), None)), ids)
    await store.abatch(doomed)
    return len(doomed)


def _doomed(items: Sequence[Item], ids: Iterable[str] | None) -> list[Op]:
    named = None if ids is None else set(ids)
    return [PutOp(item.namespace, item.key, None) for item in items if named is None or item.key in named]


def _answer(store: BaseStore, asking: Question) -> list[SearchItem]:
    try:
        op = next(asking)
        while True:
            found = store.search(
                op.namespace_prefix, query=op.query, filter=op.filter, limit=op.limit, offset=op.offset
            )
            op = asking.send(found)
    except StopIteration as done:
        return list(done.value)


async def _aanswer(store: BaseStore, asking: Question) -> list[SearchItem]:
    try:
        op = next(asking)
        while True:
            found = await store.asearch(
                op.namespace_prefix, query=op.query, filter=op.filter, limit=op.limit, offset=op.offset
            )
            op = asking.send(found)
    except StopIteration as done:
        return list(done.value)


def _recall(namespace: tuple[str, ...], query: str, limit: int, thread: str | None) -> Question:
    wanted = None if thread is None else {"thread": {"$ne": thread}}
    if limit < 1:
        return []
    size = limit + _SPARE
    while query.strip():
        found = yield SearchOp(namespace, wanted, size, 0, query)
        if not any(item.score is not None for item in found):
            break
        # A page that ends among the equals of the last one kept may hide newer equals.
        if len(found) < size or _closeness(found[-1]) < _closeness(found[limit - 1]):
            return sorted(found, key=lambda item: (_closeness(item), _time(item)), reverse=True)[:limit]
        size *= 4
    newest = yield from _newest(namespace, wanted)
    return newest[:limit]


def _newest(namespace: tuple[str, ...], wanted: dict[str, Any] | None) -> Question:
    found: dict[str, SearchItem] = {}
    for offset in count(0, _PAGE):
        page = yield SearchOp(namespace, wanted, _PAGE, offset)
        found.update((item.key, item) for item in page if item.namespace == namespace)
        if len(page) < _PAGE:
            break
    return sorted(found.values(), key=_time, reverse=True)


def _closeness(item: SearchItem) -> float:
    return float("-inf") if item.score is None else round(item.score, 6)


def _time(item: Item) -> float:
    time = item.value.get("time")
    return float(time) if isinstance(time, int | float) else 0.0


def _memories(items: Iterable[SearchItem]) -> list[Memory]:
    memories: list[Memory] = []
    for item in items:
        try:
            memories.append(Memory.model_validate({**item.value, "id": item.key, "score": item.score}))
        except ValidationError:
            _log.warning("Passed over %r in %r: it is no turn that HEF stored.", item.key, item.namespace)
    return memories
