"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState, ModelError
from ..prompts import Prompts, draft_messages, newest
from .judging.llm_selection import allm_for_run, fault_or_raise, llm_for_run
from .support.reply_postprocessing import is_reply, truncate_reply, with_agent_name
from .support.run_settings import Update, dual_mode_node, parent_node_name, run_settings, summarise_faults
from .support.transcript import recent_dialogue

TRIES = 2
"""How often a reply is asked for before an empty one counts as none."""
_EMPTY = "the LLM could not draft a reply: what it wrote was empty"


def draft_response_node(model: BaseChatModel, prompts: Prompts) -> Runnable[HefState, Update]:
    """Return the node in which the LLM writes the reply, token by token.

    Raises `ModelError`, with all that was understood, where there is no reply. With a checkpointer
    the turn can then go on from here: invoke again with None.
    """

    def draft_response(state: HefState, runtime: Runtime[Any]) -> Update:
        """Write the reply from dialogue, emotion, cause words and memories."""
        settings = run_settings(runtime)
        messages = _prompt(state, runtime, prompts)
        try:
            llm = llm_for_run(model, settings)
            for _ in range(TRIES):
                if is_reply(reply := llm.invoke(messages)):
                    return _replied(state, runtime, reply)
        except Exception as error:
            raise _no_reply_error(state, fault_or_raise(error, runtime, "draft a reply")) from error
        raise _no_reply_error(state, _EMPTY)

    async def adraft_response(state: HefState, runtime: Runtime[Any]) -> Update:
        settings = run_settings(runtime)
        messages = _prompt(state, runtime, prompts)
        try:
            llm = await allm_for_run(model, settings)
            for _ in range(TRIES):
                if is_reply(reply := await llm.ainvoke(messages)):
                    return _replied(state, runtime, reply)
        except Exception as error:
            raise _no_reply_error(state, fault_or_raise(error, runtime, "draft a reply")) from error
        raise _no_reply_error(state, _EMPTY)

    return dual_mode_node(draft_response, adraft_response)


def _prompt(state: HefState, runtime: Runtime[Any], prompts: Prompts) -> list[BaseMessage]:
    settings, empathy = run_settings(runtime), state["empathy"]
    turns, _ = recent_dialogue(state["messages"], settings.dialogue_limit)
    return draft_messages(
        prompts.replaced(settings.templates),
        turns,
        empathy.emotion,
        [cause.text for cause in empathy.causes],
        state.get("memories", []),
        settings.persona,
        settings.dialogue_limit,
    )


def _replied(state: HefState, runtime: Runtime[Any], reply: BaseMessage) -> Update:
    whole, long = truncate_reply(reply)
    fault = "; ".join(filter(None, [_truncation_fault(state, run_settings(runtime).dialogue_limit), long]))
    faults = {**state.get("faults", {}), "draft_response": fault}
    empathy = state["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
    return {
        "messages": [with_agent_name(whole, parent_node_name())],
        "empathy": empathy,
        "faults": {"draft_response": fault},
    }


def _truncation_fault(state: HefState, limit: int) -> str:
    turns, earlier = recent_dialogue(state["messages"], limit)
    cut = newest(turns, limit)[1] + earlier
    return f"the dialogue is longer than {limit} characters: the LLM did not see the oldest {cut} turns" if cut else ""


def _no_reply_error(state: HefState, fault: str) -> ModelError:
    """Return the error of a turn without a reply; it carries what was understood."""
    faults = {**state.get("faults", {}), "draft_response": fault}
    error = ModelError(f"{fault}; try again, or name another model")
    error.empathy = state["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
    return error
