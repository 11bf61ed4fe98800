"""Questions to a store that are put together once and asked in two ways, waiting or awaiting."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import TypeAlias, TypeVar

from langgraph.store.base import BaseStore, SearchItem, SearchOp

T = TypeVar("T")
PAGE = 1000
"""Items that are listed at once."""

Question: TypeAlias = Generator[SearchOp, list[SearchItem], T]
"""Asks for searches and returns what it made of the items."""


def answer(store: BaseStore, asking: Question[T]) -> T:
    """Run the searches of a question, and return what it settled on."""
    try:
        op = next(asking)
        while True:
            found = store.search(
                op.namespace_prefix, query=op.query, filter=op.filter, limit=op.limit, offset=op.offset
            )
            op = asking.send(found)
    except StopIteration as done:
        settled: T = done.value
        return settled


async def aanswer(store: BaseStore, asking: Question[T]) -> T:
    """Run the searches of a question without blocking the event loop."""
    try:
        op = next(asking)
        while True:
            found = await store.asearch(
                op.namespace_prefix, query=op.query, filter=op.filter, limit=op.limit, offset=op.offset
            )
            op = asking.send(found)
    except StopIteration as done:
        settled: T = done.value
        return settled


def every(namespace: tuple[str, ...]) -> Question[list[SearchItem]]:
    """Ask for all items of a namespace, none twice, and none of those below it."""
    found: dict[str, SearchItem] = {}
    for offset in count(0, PAGE):
        page = yield SearchOp(namespace, None, PAGE, offset)
        found.update((item.key, item) for item in page if item.namespace == namespace)
        if len(page) < PAGE:
            break
    return list(found.values())
