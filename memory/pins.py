"""Which turns are pinned or hold a wish: one item beside them says it, so that a recall needs no other search for them.

What a turn itself says counts. The item may name turns that are no longer there, or no longer pinned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from langgraph.store.base import GetOp, Item, Op, PutOp, Result

from ..contract.sync_async import maybe_await

PINS = "%pinned"
"""Key of that item, which no turn has: their ids are hashes."""
_IDS, _WISHES = "ids", "wishes"
MAX_WISHES = 8
"""Wishes that are told; of more the newest."""
_NAMED = 64
"""Turns with a wish that are named; of more those that were stored last, as an old archive may be read in after newer
ones."""

Batch: TypeAlias = Callable[[Iterable[Op]], list[Result] | Awaitable[list[Result]]]
"""`BaseStore.batch` or `BaseStore.abatch` of a store."""


def pins_op(namespace: tuple[str, ...]) -> GetOp:
    """Return the op that reads which turns of a namespace are pinned."""
    return GetOp(namespace, PINS, refresh_ttl=False)


def pinned_ids(item: Item | None) -> list[str]:
    """Return the ids of the pinned turns, the one that was pinned last at the end."""
    return _ids(item, _IDS)


def wish_ids(item: Item | None) -> list[str]:
    """Return the ids of the turns that hold a wish, the newest at the end."""
    return _ids(item, _WISHES)


async def change_pins(
    batch: Batch, namespace: tuple[str, ...], added: Iterable[str] = (), removed: Iterable[str] = ()
) -> None:
    """Say that some turns of a namespace are pinned, and others no longer."""
    await _change(batch, namespace, _IDS, added, removed)


async def change_wishes(
    batch: Batch, namespace: tuple[str, ...], added: Iterable[str] = (), removed: Iterable[str] = ()
) -> None:
    """Say that some turns of a namespace hold a wish, and others no longer."""
    await _change(batch, namespace, _WISHES, added, removed)


def _ids(item: Item | None, name: str) -> list[str]:
    return [] if item is None else list(item.value.get(name) or ())


async def _change(
    batch: Batch, namespace: tuple[str, ...], name: str, added: Iterable[str] = (), removed: Iterable[str] = ()
) -> None:
    item: Any = (await maybe_await(batch([pins_op(namespace)])))[0]
    before = _ids(item, name)
    changed = dict.fromkeys(added)
    kept = [id for id in before if id not in {*removed, *changed}]
    is_known = set(changed) <= set(before) and len(kept) + len(changed) == len(before)
    after = before if is_known else [*kept, *changed][-_NAMED if name == _WISHES else 0 :]
    if after != before:
        value = {**(item.value if item else {}), name: after}
        value = {field: ids for field, ids in value.items() if ids}
        await maybe_await(batch([PutOp(namespace, PINS, value or None, index=False)]))
