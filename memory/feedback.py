"""Feedback: remembered turns whose emotion a person confirmed or chose, as conversations to train on.

Nothing is stored for it but a mark on the turn, so that what is forgotten, exported or expired of
a memory is so of the feedback, too: a row is put together from the turns that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langgraph.store.base import BaseStore

from ..contract import Memory
from .selection import EVERYTHING, Selection, select_items
from .serialisation import from_item

BEFORE = 2
"""How many of the thread's turns before the confirmed one a row holds at most."""


def feedback_rows(store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING) -> Iterator[dict[str, Any]]:
    """Yield a conversation for each turn whose emotion a person settled, oldest first.

    A row is `{"conv_id", "emotion", "utterances": [{"role", "text"}, …]}`, as `hef train --data` reads it. It
    holds the confirmed turn with its reply, and before it turns of the same thread, as far as they are
    remembered, but none before another confirmed one: no turn stands in two rows.

    Args:
        store: Any LangGraph store.
        user_id: Whose; None for every user.
        selection: Which turns.
    """
    threads: dict[tuple[tuple[str, ...], str], list[Memory]] = {}
    for item in select_items(store, user_id):
        if (turn := from_item(item)) is None:
            continue
        before = threads.setdefault((item.namespace, turn.thread), [])
        if turn.confirmed and turn.emotion:
            if selection.holds(item):
                yield _row(turn, before[-BEFORE:] if turn.thread else [])
            before.clear()
        else:
            before.append(turn)


def _row(turn: Memory, before: list[Memory]) -> dict[str, Any]:
    said = [
        {"role": role, "text": text}
        for held in (*before, turn)
        for role, text in (("speaker", held.text), ("listener", held.reply))
        if text.strip()
    ]
    return {"conv_id": turn.id, "emotion": turn.emotion, "utterances": said}
