"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import Empathy, HefState, ModelError
from ..prompts import Prompts, draft_messages, newest
from .support.faults import degraded_empathy
from .support.llm_calls import LlmCalls, fault_or_raise, llm_node
from .support.reply_postprocessing import is_reply, truncate_reply, with_agent_name
from .support.run_settings import Update, parent_node_name
from .support.turn_view import TurnView, turn_view

TRIES = 2
"""How often a reply is asked for before an empty one counts as none."""
_EMPTY = "the LLM could not draft a reply: what it wrote was empty"


def draft_response_node(model: BaseChatModel, prompts: Prompts) -> Runnable[HefState, Update]:
    """Return the node in which the LLM writes the reply, token by token.

    Raises `ModelError`, with all that was understood, where there is no reply. With a checkpointer
    the turn can then be resumed from here: invoke again with None.
    """

    async def draft_response(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Write the reply from dialogue, emotion, cause words and memories."""
        turn = turn_view(state, runtime)
        messages = _prompt(turn, state["empathy"], prompts)
        try:
            llm = await calls.model_for_run(model, turn.settings)
            for _ in range(TRIES):
                if is_reply(reply := await calls.invoke(llm, messages)):
                    return _update(turn, reply)
        except Exception as error:
            raise _no_reply_error(state, fault_or_raise(error, runtime, "draft a reply")) from error
        raise _no_reply_error(state, _EMPTY)

    return llm_node(draft_response)


def _prompt(turn: TurnView, empathy: Empathy, prompts: Prompts) -> list[BaseMessage]:
    return draft_messages(
        prompts.replaced(turn.settings.templates),
        turn.dialogue,
        empathy.emotion,
        [cause.text for cause in empathy.causes],
        turn.state.get("memories", []),
        turn.settings.persona,
        turn.settings.dialogue_limit,
    )


def _update(turn: TurnView, reply: BaseMessage) -> Update:
    reply, reply_fault = truncate_reply(reply)
    fault = "; ".join(filter(None, [_dialogue_fault(turn), reply_fault]))
    return {
        "messages": [with_agent_name(reply, parent_node_name())],
        "empathy": degraded_empathy(turn.state, "draft_response", fault),
        "faults": {"draft_response": fault},
    }


def _dialogue_fault(turn: TurnView) -> str:
    limit = turn.settings.dialogue_limit
    count = newest(turn.dialogue, limit)[1] + turn.earlier_turns
    if not count:
        return ""
    return f"the dialogue is longer than {limit} characters: the LLM did not see the oldest {count} turns"


def _no_reply_error(state: HefState, fault: str) -> ModelError:
    """Return the error of a turn without a reply; it carries what was understood."""
    error = ModelError(f"{fault}; try again, or name another model")
    error.empathy = degraded_empathy(state, "draft_response", fault)
    return error
