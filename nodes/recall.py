"""Node `recall`: reads `messages`, the store and `context.user_id`, writes `memories`."""

from __future__ import annotations

from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState, Memory
from ..memory import recall_turns
from .dialogue import context_of
from .runtime import Update, emit, settings_of, thread_of


def recall(state: HefState, runtime: Runtime[Any]) -> Update:
    """Search this user's memory for past turns that bear on the last message."""
    settings = settings_of(runtime)
    if runtime.store is None or settings.user_id is None or settings.memory_limit == 0:
        return {"memories": [], "faults": {"recall": ""}}
    query = context_of(state["messages"])[-1].text
    found: list[Memory] = []
    fault = ""
    try:
        found = recall_turns(runtime.store, settings.user_id, query, settings.memory_limit, exclude_thread=thread_of())
    except GraphBubbleUp:
        raise
    except Exception as error:
        fault = f"the memory could not be searched: {error}"
    emit(runtime, "memories", memories=[memory.model_dump() for memory in found])
    return {"memories": found, "faults": {"recall": fault}}
