"""Feedback: remembered turns whose emotion a person confirmed or corrected, as conversations to train on.

Only a mark on the turn is stored for it, so that what is forgotten, exported or expired of
a memory is so of the feedback, too: a row is put together from the turns that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langgraph.store.base import BaseStore

from ..contract import Memory
from .selection import EVERYTHING, Selection, select_items
from .turns import memory_from_item

MAX_PRECEDING_TURNS = 2
"""How many of the thread's turns before the confirmed one a row holds at most."""


def feedback_rows(store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING) -> Iterator[dict[str, Any]]:
    """Yield a conversation for each turn whose emotion a person confirmed or corrected, oldest first.

    A row is `{"conv_id", "emotion", "utterances": [{"role", "text"}, …]}`, as `hef train sem --data` reads it. It
    holds the confirmed turn with its reply, and before it turns of the same thread, as far as they are
    remembered, but none before another confirmed one: no turn is in two rows.

    Args:
        store: Any LangGraph store.
        user_id: Whose; None for every user.
        selection: Which turns.
    """
    preceding_turns: dict[tuple[tuple[str, ...], str], list[Memory]] = {}
    for item in select_items(store, user_id):
        if (turn := memory_from_item(item)) is None:
            continue
        preceding = preceding_turns.setdefault((item.namespace, turn.thread), [])
        if turn.confirmed and turn.emotion:
            if selection.includes(item):
                yield _row([*(preceding[-MAX_PRECEDING_TURNS:] if turn.thread else []), turn])
            preceding.clear()
        else:
            preceding.append(turn)


def _row(turns: list[Memory]) -> dict[str, Any]:
    confirmed = turns[-1]
    utterances = [
        {"role": role, "text": text}
        for turn in turns
        for role, text in (("speaker", turn.text), ("listener", turn.reply))
        if text.strip()
    ]
    return {"conv_id": confirmed.id, "emotion": confirmed.emotion, "utterances": utterances}
