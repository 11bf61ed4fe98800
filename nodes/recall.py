"""Node `recall`: reads `messages`, the store and `context.user_id`, writes `memories`."""

from __future__ import annotations

from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from ..contract import Dialogue, HefContext, HefState, Memory
from ..memory import fit_token_budget, recall_turns
from ..prompts import newest, remembered
from .support.explanations import of_memories
from .support.run_settings import Update, emit, run_settings, thread_id
from .support.telemetry import record_suppressed_error
from .support.transcript import recent_dialogue

_CHARACTERS = 4
"""Of a token, on average; which model will read them is not known here."""


def recall(state: HefState, runtime: Runtime[Any]) -> Update:
    """Search this user's memory for past turns that bear on the last message."""
    settings = run_settings(runtime)
    if runtime.store is None or settings.user_id is None or settings.memory_limit == 0:
        return {"memories": [], "explanations": {"recall": ""}, "faults": {"recall": ""}}
    found: list[Memory] = []
    fault = ""
    try:
        dialogue, _ = recent_dialogue(state["messages"], settings.dialogue_limit)
        found = _search(runtime.store, settings.user_id, dialogue, settings)
    except GraphBubbleUp:
        raise
    except Exception as error:
        record_suppressed_error(error)
        fault = f"the memory could not be searched: {error}"
    emit(runtime, "memories", memories=[memory.model_dump() for memory in found])
    return {
        # Plain values: where the step is cut short beside this node, what it wrote is stored as it stands.
        "memories": [memory.model_dump(mode="json") for memory in found],
        "explanations": {"recall": of_memories(found)},
        "faults": {"recall": fault},
    }


def _search(store: BaseStore, user_id: str, dialogue: Dialogue, settings: HefContext) -> list[Memory]:
    """Return what the draft shall be shown; turns of this thread come back once they fell out of the prompt."""
    shown, _ = newest(dialogue, settings.dialogue_limit)
    held = {turn.text for turn in dialogue[-len(shown) :] if turn.role == "speaker"}
    found = recall_turns(
        store,
        user_id,
        dialogue[-1].text,
        settings.memory_limit,
        weights=settings.memory_weights,
        thread=thread_id() or "",
        held=held,
    )
    return fit_token_budget(found, settings.memory_budget, lambda memory: -(-len(remembered(memory)) // _CHARACTERS))
