"""Which turns are pinned: one item beside them says it, so that a recall needs no other search to find them.

The mark on a turn is what counts. The item may name turns that are no longer there or no longer pinned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from langgraph.store.base import GetOp, Item, Op, PutOp, Result

from ..contract.sync_async import maybe_await

PINS = "%pinned"
"""Key of that item, which no turn has: their ids are hashes."""
_IDS = "ids"

Batch: TypeAlias = Callable[[Iterable[Op]], list[Result] | Awaitable[list[Result]]]
"""`BaseStore.batch` or `BaseStore.abatch` of a store."""


def pins_op(namespace: tuple[str, ...]) -> GetOp:
    """Return the op that reads which turns of a namespace are pinned."""
    return GetOp(namespace, PINS, refresh_ttl=False)


def pinned_ids(item: Item | None) -> list[str]:
    """Return the ids of the pinned turns, the one that was pinned last at the end."""
    return [] if item is None else list(item.value[_IDS])


async def change_pins(
    batch: Batch, namespace: tuple[str, ...], added: Iterable[str] = (), removed: Iterable[str] = ()
) -> None:
    """Say that some turns of a namespace are pinned, and others no longer."""
    item = (await maybe_await(batch([pins_op(namespace)])))[0]
    before = pinned_ids(item)  # type: ignore[arg-type]
    changed = dict.fromkeys(added)
    kept = [id for id in before if id not in {*removed, *changed}]
    after = before if set(changed) <= set(before) and len(kept) + len(changed) == len(before) else [*kept, *changed]
    if after != before:
        value = {_IDS: after} if after else None
        await maybe_await(batch([PutOp(namespace, PINS, value, index=False)]))
