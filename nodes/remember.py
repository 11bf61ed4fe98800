"""Node `remember`: reads everything and the store, writes the store and `empathy.degraded`."""

from __future__ import annotations

import time
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from ..contract import HefState, Memory
from ..memory import remember_turn, turn_id
from .dialogue import context_of, dialogue_of
from .runtime import Update, settings_of, summary, thread_of


def remember(state: HefState, runtime: Runtime[Any]) -> Update:
    """Store what the person said, the reply, emotion, causes and time in one batched write."""
    settings = settings_of(runtime)
    fault = ""
    if runtime.store is not None and settings.user_id is not None and settings.remember:
        try:
            _store(runtime.store, settings.user_id, state)
        except GraphBubbleUp:
            raise
        except Exception as error:
            known = str(error) in state.get("faults", {}).get("recall", "")
            fault = f"the turn could not be remembered{' either' if known else f': {error}'}"
    faults = {**state.get("faults", {}), "remember": fault}
    return {
        "empathy": state["empathy"].model_copy(update={"degraded": summary(faults)}),
        "faults": {"remember": fault},
    }


def _store(store: BaseStore, user_id: str, state: HefState) -> None:
    empathy, thread = state["empathy"], thread_of()
    dialogue = dialogue_of(state["messages"])
    verdict = state.get("verdict")
    said = context_of(state["messages"][:-1])[-1].text
    memory = Memory(
        id=turn_id(thread or "", verdict.turn if verdict else str(len(dialogue))),
        text=said,
        reply=dialogue[-1].text if dialogue[-1].role == "listener" else "",
        emotion=empathy.emotion,
        causes=tuple(cause.text for cause in empathy.causes),
        time=time.time(),
    )
    remember_turn(store, user_id, memory, thread=thread or "")
