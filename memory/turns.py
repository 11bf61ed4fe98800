"""The memory of past turns, on top of any LangGraph store: what is stored, listed and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langgraph.store.base import BaseStore, Item, Op, PutOp

from ..contract import Memory
from .serialisation import INDEXED, memories_of, value_of
from .store_queries import aanswer, answer, every
from .user_namespaces import user_namespace


def remember_turn(store: BaseStore, user_id: str, memory: Memory) -> None:
    """Store a turn in one write; a turn that is stored already is replaced.

    Args:
        store: Any LangGraph store; with an index, the person's words are embedded, whole and by clause.
        user_id: Whose turn it is.
        memory: The turn; its `id` is the key, see `turn_id`.
    """
    store.put(user_namespace(user_id), memory.id, value_of(user_id, memory), index=INDEXED)


def remember_turns(store: BaseStore, user_id: str, memories: Iterable[Memory]) -> None:
    """Store several turns of a user in one batch, so that they are embedded together."""
    namespace = user_namespace(user_id)
    store.batch([PutOp(namespace, memory.id, value_of(user_id, memory), index=INDEXED) for memory in memories])


async def aremember_turn(store: BaseStore, user_id: str, memory: Memory) -> None:
    """Store a turn as `remember_turn` does, without blocking the event loop."""
    await store.aput(user_namespace(user_id), memory.id, value_of(user_id, memory), index=INDEXED)


def list_turns(store: BaseStore, user_id: str) -> list[Memory]:
    """Return all turns of a user, newest first."""
    return _newest_first(memories_of(answer(store, every(user_namespace(user_id)))))


async def alist_turns(store: BaseStore, user_id: str) -> list[Memory]:
    """Return all turns of a user, newest first, without blocking the event loop."""
    return _newest_first(memories_of(await aanswer(store, every(user_namespace(user_id)))))


def forget_turns(store: BaseStore, user_id: str, ids: Iterable[str] | None = None) -> int:
    """Delete turns of a user, by default all, and return how many there were."""
    doomed = _doomed(answer(store, every(user_namespace(user_id))), ids)
    store.batch(doomed)
    return len(doomed)


async def aforget_turns(store: BaseStore, user_id: str, ids: Iterable[str] | None = None) -> int:
    """Delete turns as `forget_turns` does, without blocking the event loop."""
    doomed = _doomed(await aanswer(store, every(user_namespace(user_id))), ids)
    await store.abatch(doomed)
    return len(doomed)


def _doomed(items: Sequence[Item], ids: Iterable[str] | None) -> list[Op]:
    named = None if ids is None else set(ids)
    return [PutOp(item.namespace, item.key, None) for item in items if named is None or item.key in named]


def _newest_first(memories: list[Memory]) -> list[Memory]:
    return sorted(memories, key=lambda memory: memory.time, reverse=True)
