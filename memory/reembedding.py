"""Turns that another SEM embedded than the one they are searched with: noticed, and embedded anew."""

from __future__ import annotations

import logging
from threading import Lock
from weakref import WeakKeyDictionary

from langgraph.store.base import BaseStore

from ..contract import SetupError
from ..contract.progress import Progress, ignore_progress
from .chroma.store import ChromaStore
from .turns import INDEXED, TURNS, user_namespace

STALE_VECTORS = "another SEM embedded some past turns, so that they are hardly found: `hef memory reembed` mends that"
"""What is said of it to a host, in the log and on the command line."""
_CHECKED_PEOPLE = 10_000
"""People of a store who are known to have been looked at; of more all are looked at again."""
_log = logging.getLogger(__name__)


class StaleVectorNotice:
    """Notice once for each person of a store that another SEM embedded their turns."""

    def __init__(self) -> None:
        self._checked: WeakKeyDictionary[BaseStore, set[str]] = WeakKeyDictionary()
        self._lock = Lock()

    def take(self, store: BaseStore, user_id: str) -> bool:
        """Return whether another SEM embedded a person's turns, and this is the first time that it is asked.

        Raises:
            StoreError: The store cannot be read; it is looked at again when it is asked again.
        """
        if not isinstance(store, ChromaStore):
            return False
        with self._lock:
            people = self._checked.setdefault(store, set())
            if user_id in people:
                return False
            if len(people) >= _CHECKED_PEOPLE:
                people.clear()
            people.add(user_id)
        try:
            is_stale = has_stale_vectors(store, user_id)
        except BaseException:
            people.discard(user_id)
            raise
        if is_stale:
            _log.warning(STALE_VECTORS)
        return is_stale


def has_stale_vectors(store: BaseStore, user_id: str) -> bool:
    """Return whether another SEM than the store's embedded a person's oldest turns, see `StoredVectors`.

    Args:
        store: Any LangGraph store; of another one than a `ChromaStore` it is not known.
        user_id: Whose turns.
    """
    return isinstance(store, ChromaStore) and store.has_stale_vectors(user_namespace(user_id), INDEXED)


def reembed_turns(store: BaseStore, report: Progress = ignore_progress) -> int:
    """Embed everybody's turns anew, and return how many items there were, see `StoredVectors.reembed`.

    Args:
        store: A `ChromaStore` with an embedding.
        report: Receives the progress.

    Raises:
        SetupError: The store is another one, or has no embedding.
    """
    if not isinstance(store, ChromaStore):
        raise SetupError(f"a {type(store).__name__} embeds a turn when it is stored: store the turns again")
    return store.reembed(TURNS, INDEXED, report)
