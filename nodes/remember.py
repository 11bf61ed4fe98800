"""Node `remember`: reads everything and the store, writes the store and `empathy.degraded`."""

from __future__ import annotations

import time
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from ..contract import HefState, Memory
from ..contract.errors import error_text
from ..contract.state import degraded_empathy
from ..contract.text import MAX_STORED_CHARACTERS
from ..memory import remember_turn, said_at, turn_id, user_namespace
from .support.node_record import record_suppressed_error
from .support.run_settings import Update, run_settings, thread_id
from .support.transcript import count_turns, recent_dialogue, to_dialogue, turn_key


def remember(state: HefState, runtime: Runtime[Any]) -> Update:
    """Store what the person said, the reply, emotion, causes and time in one write, each turn once."""
    settings = run_settings(runtime)
    fault = ""
    if runtime.store is not None and settings.user_id is not None and settings.remember:
        try:
            fault = _store_turn(runtime.store, settings.user_id, state)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            is_known = error_text(error) in state.get("faults", {}).get("recall", "")
            fault = f"the turn could not be remembered{' either' if is_known else f': {error_text(error)}'}"
    return {"empathy": degraded_empathy(state, "remember", fault), "faults": {"remember": fault}}


def _store_turn(store: BaseStore, user_id: str, state: HefState) -> str:
    """Store the turn; return the fault of one that is too long to be stored whole."""
    empathy, thread = state["empathy"], thread_id() or ""
    before_reply = state["messages"][:-1]
    memory_id = turn_id(thread, turn_key(before_reply, thread))
    known = store.get(user_namespace(user_id), memory_id)
    now = time.time()
    turns, earlier_turns = recent_dialogue(before_reply, 0)
    last_turn, last_index = turns[-1], earlier_turns + len(turns) - 1
    reply = to_dialogue(state["messages"][-1:])
    memory = Memory(
        id=memory_id,
        text=last_turn.text,
        reply=reply[0].text if reply else "",
        emotion=empathy.emotion,
        probability=round(empathy.distribution.get(empathy.emotion, 0.0), 6),
        confirmed=empathy.confirmed,
        # Those of earlier turns are stored with these: what is forgotten must not live on in another turn.
        causes=tuple(cause.text for cause in empathy.causes if cause.turn == last_index),
        time=min(now, said_at(known) or now) if known else now,
        thread=thread,
        turn=count_turns(before_reply, "speaker"),
    )
    remember_turn(store, user_id, memory)
    if (length := len(memory.text)) <= MAX_STORED_CHARACTERS:
        return ""
    return f"the turn has {length} characters: only its last {MAX_STORED_CHARACTERS} were remembered"
