"""Forgetting: what a person wants gone is gone, from searches, listings and files."""

from __future__ import annotations

from langgraph.store.base import BaseStore, PutOp

from ..contract.progress import Progress
from .chroma.store import ChromaStore
from .selection import EVERYTHING, Selection, select_items


def erase_turns(
    store: BaseStore, user_id: str, selection: Selection = EVERYTHING, *, report: Progress | None = None
) -> int:
    """Delete turns of a user, by default all, and return how many there were.

    Where the store is a `ChromaStore` on a folder, its files are written anew without them (see
    `ChromaStore.erase`), also when there were none: an earlier deletion may have left traces. Behind a Chroma
    server, and in any other store, they are deleted and no more can be promised of the files.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        selection: Which of them.
        report: Receives the progress of the rewriting.
    """
    doomed = [PutOp(item.namespace, item.key, None) for item in select_items(store, user_id, selection)]
    if isinstance(store, ChromaStore):
        store.erase(doomed, report)
    else:
        store.batch(doomed)
    return len(doomed)
