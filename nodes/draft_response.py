"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState
from ..prompts import Prompts, draft_messages, newest
from .dialogue import context_of
from .models import apick, fault_of, pick
from .runtime import Update, both_ways, settings_of, summary

APOLOGY = "I am here and I read what you wrote, but I cannot find an answer right now. Could you try again in a moment?"
"""The reply when the LLM fails; the turn is marked as degraded."""


def draft_response_node(model: BaseChatModel, prompts: Prompts) -> Runnable[HefState, Update]:
    """Return the node in which the LLM writes the reply, token by token."""

    def draft_response(state: HefState, runtime: Runtime[Any]) -> Update:
        """Write the reply from dialogue, emotion, cause words and memories."""
        settings = settings_of(runtime)
        messages, fault = _prompt(state, runtime, prompts)
        try:
            return _reply(state, pick(model, settings).invoke(messages), fault)
        except Exception as error:
            return _reply(state, AIMessage(APOLOGY), fault_of(error, runtime, "draft a reply"))

    async def adraft_response(state: HefState, runtime: Runtime[Any]) -> Update:
        settings = settings_of(runtime)
        messages, fault = _prompt(state, runtime, prompts)
        try:
            return _reply(state, await (await apick(model, settings)).ainvoke(messages), fault)
        except Exception as error:
            return _reply(state, AIMessage(APOLOGY), fault_of(error, runtime, "draft a reply"))

    return both_ways(draft_response, adraft_response)


def _prompt(state: HefState, runtime: Runtime[Any], prompts: Prompts) -> tuple[list[BaseMessage], str]:
    settings, empathy = settings_of(runtime), state["empathy"]
    turns = context_of(state["messages"])
    words = [cause.text for cause in empathy.causes]
    memories = state.get("memories", [])
    messages = draft_messages(
        prompts, turns, empathy.emotion, words, memories, settings.persona, settings.dialogue_limit
    )
    _, cut = newest(turns, settings.dialogue_limit)
    fault = (
        f"the dialogue is longer than {settings.dialogue_limit} characters: the LLM did not see the oldest {cut} turns"
    )
    return messages, fault if cut else ""


def _reply(state: HefState, reply: BaseMessage, fault: str) -> Update:
    faults = {**state.get("faults", {}), "draft_response": fault}
    empathy = state["empathy"].model_copy(update={"degraded": summary(faults)})
    return {"messages": [reply], "empathy": empathy, "faults": {"draft_response": fault}}
