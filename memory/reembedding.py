"""Vectors of another SEM than the memory is searched with: notice them, and compute them anew."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from weakref import WeakKeyDictionary

from langgraph.store.base import BaseStore, GetOp, Item, SearchItem

from ..contract.progress import Progress, ignore_progress
from ..contract.sync_async import run_sync
from ..contract.text import is_chinese
from .chroma.rows import Times
from .chroma.store import ChromaStore
from .lifetime import refreshes
from .turns import TURNS, list_items, put_turn, user_namespace, write_turns

SAME_TEXT = 0.98
"""Similarity of a text to its own stored vector, from which on both are of one SEM: processors round differently."""
_BATCH = 256
"""Turns that are embedded at once."""
_CHECKED_PEOPLE = 10_000
"""People of a store who are known to have been looked at; of more all are looked at again."""
_log = logging.getLogger(__name__)


class StaleVectorNotice:
    """Notice once for each person of a store that their turns have the vectors of another SEM."""

    def __init__(self) -> None:
        self._checked: WeakKeyDictionary[BaseStore, set[str]] = WeakKeyDictionary()
        self._lock = Lock()

    def is_due(self, store: BaseStore, user_id: str) -> bool:
        """Return whether a person's turns have stale vectors, and this is the first time that it is asked."""
        with self._lock:
            people = self._checked.setdefault(store, set())
            if user_id in people:
                return False
            if len(people) >= _CHECKED_PEOPLE:
                people.clear()
            people.add(user_id)
        if is_stale := has_stale_vectors(store, user_id):
            _log.warning("Turns have the vectors of another SEM and are found by chance; run `hef memory reembed`.")
        return is_stale


def has_stale_vectors(store: BaseStore, user_id: str) -> bool:
    """Return whether a person's turns were embedded by another SEM than the store's, so that they are found by chance.

    The oldest turn in Chinese and the oldest in another language are looked up by their own words: a SEM may have
    changed for one language alone.

    Args:
        store: Any LangGraph store; only of a `ChromaStore` is known what a similarity means.
        user_id: Whose turns.
    """
    if not isinstance(store, ChromaStore):
        return False
    namespace = user_namespace(user_id)
    items = run_sync(list_items(store, store.search, namespace, below=True))
    oldest: dict[bool, SearchItem] = {}
    for item in sorted(items, key=lambda item: item.created_at):
        text = item.value.get("text")
        if isinstance(text, str) and any(map(str.isalpha, text)):
            oldest.setdefault(is_chinese(text), item)
    return any(_is_stale(store, item) for item in oldest.values())


def _is_stale(store: BaseStore, item: SearchItem) -> bool:
    """Return whether nothing among an item's neighbours is as similar to its text as its own vector should be."""
    nearest = store.search(item.namespace, query=item.value["text"], limit=1, refresh_ttl=refreshes(store))
    return bool(nearest) and nearest[0].score is not None and nearest[0].score < SAME_TEXT


def reembed_turns(store: BaseStore, report: Progress = ignore_progress) -> int:
    """Compute the vectors of everybody's turns anew, and return how many turns there were.

    Words, ids and times stay as they are. Interrupted, it can be run again. A turn that another process changes
    meanwhile may get its words of a moment before.

    Args:
        store: Any LangGraph store with an index.
        report: Receives the progress in turns.
    """
    items = run_sync(list_items(store, store.search, TURNS, below=True))
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        results = store.batch([GetOp(item.namespace, item.key, refresh_ttl=False) for item in batch])
        _embed(store, [item for item in results if isinstance(item, Item)])
        report("embedding", start + len(batch), len(items))
    return len(items)


def _embed(store: BaseStore, items: Sequence[Item]) -> None:
    puts = [put_turn(store, item.namespace, item.key, item.value) for item in items]
    if isinstance(store, ChromaStore):
        times = {
            (item.namespace, item.key): Times(item.created_at.isoformat(), item.updated_at.isoformat())
            for item in items
        }
        store.restore(puts, times)
    else:
        run_sync(write_turns(store, store.batch, puts))
