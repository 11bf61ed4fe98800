"""Select a user's stored turns (all, those of a conversation or a time range, or single ones), and erase them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from langgraph.store.base import BaseStore, Item, PutOp, SearchItem

from ..contract.empathy import YEAR_10000
from ..contract.progress import Progress
from ..contract.sync_async import run_sync
from ..contract.text import MAX_STORED_CHARACTERS
from .chroma.store import ChromaStore
from .lifetime import is_hidden, refreshes
from .pins import PINS
from .turns import TURNS, is_with_character, list_items, unpin_deleted, user_items, user_namespace

_GROWTH = 4
"""Factor by which more items are searched when too few of them are selected."""
NEAR_SIMILARITY = 0.1
"""Similarity from which on a turn is shown to who searches, for the shipped SEM's vectors (docs/memory.md)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that a turn must fulfil to be selected; without any, every turn is."""

    threads: tuple[str, ...] | None = None
    """Conversations it belongs to one of."""
    since: float | None = None
    """Earliest time it was said, Unix time in seconds."""
    until: float | None = None
    """Time before which it was said, Unix time in seconds."""
    ids: tuple[str, ...] | None = None
    """Ids it has one of."""
    character: str | None = None
    """The character it was said to; an empty text for none."""

    def includes(self, item: Item) -> bool:
        """Return whether an item is selected."""
        return (
            item.key != PINS
            and (self.threads is None or item.value.get("thread") in self.threads)
            and (self.since is None or said_at(item) >= self.since)
            and (self.until is None or said_at(item) < self.until)
            and (self.ids is None or item.key in self.ids)
            and (self.character is None or is_with_character(item.namespace, self.character))
        )


EVERYTHING = Selection()
"""Every turn of a user."""


def select_items(
    store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING, *, with_hidden: bool = False
) -> list[SearchItem]:
    """Return the selected stored items of a user, oldest first, whoever wrote them.

    Args:
        store: Any LangGraph store.
        user_id: Whose; None for every user.
        selection: Which of them.
        with_hidden: Include those that nobody is shown (see `is_hidden`), as far as the store has not deleted them.
    """
    namespace = TURNS if user_id is None else user_namespace(user_id)
    items = run_sync(list_items(store, store.search, namespace, below=True))
    # Filtered here, since stores differ on a range filter over items that lack the field.
    selected = (item for item in items if selection.includes(item) and (with_hidden or not is_hidden(item.value)))
    return sorted(selected, key=said_at)


def search_items(
    store: BaseStore, user_id: str, query: str, limit: int, selection: Selection = EVERYTHING
) -> list[SearchItem]:
    """Return the selected stored items of a user, most similar to a text first, by similarity alone."""
    size = limit
    while True:
        namespace = user_namespace(user_id, selection.character)
        items = store.search(namespace, query=query, limit=size, refresh_ttl=refreshes(store))
        selected = [item for item in items if selection.includes(item) and not is_hidden(item.value)]
        if len(selected) >= limit or len(items) < size:
            return selected[:limit]
        size *= _GROWTH


def near_items(items: Iterable[SearchItem], query: str, min_similarity: float = -1.0) -> list[SearchItem]:
    """Return the items that bear on a text: similar to it, or with it in their words; all that have no similarity.

    Args:
        items: What `search_items` found.
        query: The text.
        min_similarity: Similarity below which a turn is not recalled, where that is more than `NEAR_SIMILARITY`.
    """
    near = max(min_similarity, NEAR_SIMILARITY)
    return [item for item in items if item.score is None or item.score >= near or has_words(item, query)]


def has_words(item: Item, query: str) -> bool:
    """Return whether a turn has a text in its words."""
    return query.strip().casefold() in str(item.value.get("text", "")).casefold()


def said_at(item: Item) -> float:
    """Return when a turn was said, 0 where the item does not tell; for one that was replayed, the first time."""
    time = item.value.get("time")
    if not isinstance(time, int | float) or not 0 <= time < YEAR_10000:
        return 0.0
    return min(float(time), item.created_at.timestamp())


def erase_turns(
    store: BaseStore, user_id: str, selection: Selection = EVERYTHING, *, report: Progress | None = None
) -> int:
    """Delete turns of a user, by default all, from searches, listings and files; return how many there were.

    Where the store is a `ChromaStore` on a folder, its files are rewritten without them (see
    `ChromaStore.erase`), also when there were none: an earlier deletion may have left traces. Behind a Chroma
    server, and in any other store, they are deleted, and nothing can be promised of the files.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        selection: Which of them.
        report: Receives the progress of the rewriting.
    """
    items = select_items(store, user_id, selection, with_hidden=True)
    deletes = [PutOp(item.namespace, item.key, None) for item in items]
    # Before the files are rewritten, so that no id of theirs is left in one.
    run_sync(unpin_deleted(store.batch, items))
    if isinstance(store, ChromaStore):
        store.erase(deletes, report)
    else:
        store.batch(deletes)
    return len(deletes)


async def replaced_ids(
    store: BaseStore, user_id: str, thread: str, turns: Iterable[tuple[Collection[str], str]], kept: Collection[str]
) -> set[str]:
    """Return the ids under which turns of a conversation are stored that others are to take the place of.

    A turn is known by what was said before it. Where that was removed meanwhile, nothing is stored under the ids that
    it has now: then it is the newest one with its words, if that is newer than all turns that stay.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        thread: The conversation.
        turns: The ids that each may have, and the person's words.
        kept: Ids of the turns before them.
    """
    stored = await user_items(store, store.asearch, user_id, None)
    items = {item.key: item for item in stored if item.value.get("thread") == thread}
    newest_kept = max((said_at(items[id]) for id in kept if id in items), default=0.0)
    replaced: set[str] = set()
    for ids, words in turns:
        if own := set(ids) & items.keys():
            replaced |= own - set(kept)
            continue
        same = [
            item
            for item in items.values()
            if item.value.get("text") == words[-MAX_STORED_CHARACTERS:]
            and item.key not in {*replaced, *kept}
            and said_at(item) >= newest_kept
        ]
        replaced |= {item.key for item in sorted(same, key=said_at)[-1:]}
    return replaced
