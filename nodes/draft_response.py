"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState, Memory, Turn
from ..prompts import Prompts, fence
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
    text, cut = fence(turns, settings.dialogue_limit)
    words = ", ".join(f'"{cause.text}"' for cause in empathy.causes[:3])
    task = prompts.render(
        "draft",
        dialogue=text,
        memories=_memories(state.get("memories", [])),
        emotion=empathy.emotion,
        causes=f", because of {words}" if words else "",
        persona=settings.persona,
    )
    fault = f"the dialogue is longer than {settings.dialogue_limit} characters: the LLM did not see the oldest {cut}"
    return [SystemMessage(prompts.render("system")), HumanMessage(task)], fault if cut else ""


def _memories(memories: list[Memory]) -> str:
    if not memories:
        return ""
    said = "\n".join(f"- {_line(memory)}" for memory in memories)
    return f"In an earlier conversation the speaker said:\n{said}\n"


def _line(memory: Memory) -> str:
    line, _ = fence([Turn("speaker", memory.text)], 300)
    return line.removeprefix("Speaker: ") + (f" (they felt {memory.emotion})" if memory.emotion else "")


def _reply(state: HefState, reply: BaseMessage, fault: str) -> Update:
    faults = {**state.get("faults", {}), "draft_response": fault}
    empathy = state["empathy"].model_copy(update={"degraded": summary(faults)})
    return {"messages": [reply], "empathy": empathy, "faults": {"draft_response": fault}}
