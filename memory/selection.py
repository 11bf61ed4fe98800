"""Which of a user's stored turns are meant: all, a conversation's, a time range's, or single ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from langgraph.store.base import BaseStore, Item, SearchItem

from .user_namespaces import user_namespace

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Selection:
    """What a turn must fulfil to be meant; without any condition every turn is."""

    threads: tuple[str, ...] | None = None
    """Conversations it belongs to one of."""
    since: float | None = None
    """Unix time in seconds it was not said before."""
    until: float | None = None
    """Unix time in seconds it was said before."""
    ids: tuple[str, ...] | None = None
    """Ids it has one of."""

    def holds(self, item: Item) -> bool:
        """Say whether an item is meant."""
        return (
            (self.threads is None or item.value.get("thread") in self.threads)
            and (self.since is None or said_at(item) >= self.since)
            and (self.until is None or said_at(item) < self.until)
            and (self.ids is None or item.key in self.ids)
        )


EVERYTHING = Selection()
"""Every turn of a user."""


def select_items(store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING) -> list[SearchItem]:
    """Return the stored items of a user that are meant, oldest first, whoever wrote them.

    Args:
        store: Any LangGraph store.
        user_id: Whose; None for every user.
        selection: Which of them.
    """
    space = ("hef", "turns") if user_id is None else user_namespace(user_id)
    # By hand, since stores differ on a range filter over items that lack the field.
    return sorted(filter(selection.holds, _pages(store, space)), key=said_at)


def search_items(
    store: BaseStore, user_id: str, query: str, limit: int, selection: Selection = EVERYTHING
) -> list[SearchItem]:
    """Return the stored items of a user that are meant, most similar to a text first, without any other weight."""
    size = limit
    while True:
        found = store.search(user_namespace(user_id), query=query, limit=size)
        kept = [item for item in found if selection.holds(item)]
        if len(kept) >= limit or len(found) < size:
            return kept[:limit]
        size *= 4


def said_at(item: Item) -> float:
    """Return when a turn was said, 0 where the item does not tell; one that is replayed was said the first time."""
    time = item.value.get("time")
    return min(float(time), item.created_at.timestamp()) if isinstance(time, int | float) else 0.0


def _pages(store: BaseStore, space: tuple[str, ...]) -> Iterator[SearchItem]:
    for offset in count(0, _PAGE):
        page = store.search(space, limit=_PAGE, offset=offset)
        yield from page
        if len(page) < _PAGE:
            return
