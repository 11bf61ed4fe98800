"""Node `recall`: reads `messages`, the store and `context.user_id`, writes `memories`."""

from __future__ import annotations

from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from ..contract import HefState, Memory
from ..contract.chat_model import ChatModel, is_hosted
from ..contract.errors import error_text, is_timeout
from ..contract.settings.recall_limits import token_budget, turn_limit
from ..contract.sync_async import run_sync
from ..contract.text import MAX_STORED_CHARACTERS
from ..memory import STALE_VECTORS, StaleVectorNotice, fit_token_budget, recall_turns
from ..prompts import CHARACTERS_PER_TOKEN, is_wish, remembered
from .calling.llm_calls import SYNC
from .drafting.memory_reply import is_told_memory
from .support.dialogue_window import shown_dialogue
from .support.events import emit
from .support.explanations import explain_memories
from .support.node_record import record_suppressed_error
from .support.turn_view import Node, TurnView, Update, replaced_texts, thread_id, turn_view

_SPREAD = 3
"""Times as many turns as usual are recalled where the person asks what is remembered of them at all."""
_SPREAD_BUDGET = 2
"""Times as many tokens as usual a hosted LLM gets for these."""
NO_ANSWER = ", it gave no answer in time"
"""In the fault of this node: the turn does not wait for the memory again."""
_STALE_VECTOR_NOTICE = StaleVectorNotice()


def recall_node(model: ChatModel, *, for_agent: bool = False) -> Node:
    """Return the node that searches the memory.

    Args:
        model: The graph's LLM; what the LLM of a run is shown of the conversation anyway is not recalled.
        for_agent: Whether a host's own agent is told of the turns, whose LLM counts as hosted, and not this one.
    """

    def recall(state: HefState, runtime: Runtime[Any]) -> Update:
        """Search this user's memory for past turns that bear on what they said since the last reply."""
        turn = turn_view(state, runtime)
        settings = turn.settings
        if runtime.store is None or settings.user_id is None or settings.memory_limit == 0:
            return {"memories": [], "explanations": {"recall": ""}, "faults": {"recall": ""}}
        memories: list[Memory] = []
        fault = ""
        llm = None if for_agent else run_sync(SYNC.model_for_run(model, settings))
        try:
            memories = _search(runtime.store, settings.user_id, turn, llm)
            fault = _stale_vectors(runtime.store, settings.user_id)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            fault = f"the memory could not be searched{NO_ANSWER * is_timeout(error)}: {error_text(error)}"
        emit(runtime, "memories", memories=[memory.model_dump() for memory in memories])
        return {
            # Plain values: where the step is cut short beside this node, its writes are stored unconverted.
            "memories": [memory.model_dump(mode="json") for memory in memories],
            "explanations": {"recall": explain_memories(memories)},
            "faults": {"recall": fault},
        }

    return recall


def _stale_vectors(store: BaseStore, user_id: str) -> str:
    """Return the fault of turns that another SEM embedded; where that cannot be told, there is none."""
    try:
        return STALE_VECTORS if _STALE_VECTOR_NOTICE.take(store, user_id) else ""
    except Exception as error:
        record_suppressed_error(error)
        return ""


def _search(store: BaseStore, user_id: str, turn: TurnView, llm: ChatModel | None) -> list[Memory]:
    """Return the past turns for the prompt; turns of this thread come back once they fell out of the prompt.

    Args:
        store: The memory.
        user_id: Whose turns.
        turn: The turn.
        llm: Who is told of them; None is a host's agent.
    """
    told_as_hosted = llm is None or is_hosted(llm)
    dialogue, settings = turn.dialogue, turn.settings
    shown, _ = shown_dialogue(turn, llm)
    in_prompt = [*shown[:-1], turn.conversation[-1]]  # of a last turn that is too long the end is shown
    already_in_prompt = {turn.text[-MAX_STORED_CHARACTERS:] for turn in in_prompt if turn.role == "speaker"}
    if llm is not None and is_told_memory(llm, turn):
        already_in_prompt = set()  # no prompt is made: what was said in this conversation is told, too
    already_in_prompt |= replaced_texts()
    limit = turn_limit(settings.memory_limit, is_hosted=told_as_hosted)
    memories = recall_turns(
        store,
        user_id,
        dialogue[-1].text,
        limit,
        weights=settings.memory_weights,
        thread=thread_id() or "",
        already_in_prompt=already_in_prompt,
        character=settings.character,
        with_pinned=True,
        spread_limit=_SPREAD * limit,
    )
    wishes = [memory for memory in memories if is_wish(memory)]
    others = [memory for memory in memories if not is_wish(memory)]
    is_spread = any(memory.why is not None and memory.why.by == "broad_question" for memory in others)
    budget = token_budget(settings.memory_budget, is_hosted=told_as_hosted)
    budget *= _SPREAD_BUDGET if is_spread and told_as_hosted else 1
    return [*wishes, *fit_token_budget(others, budget, _count_tokens)]


def _count_tokens(memory: Memory) -> int:
    return -(-len(remembered(memory)) // CHARACTERS_PER_TOKEN)
