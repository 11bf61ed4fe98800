"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState, Memory
from ..prompts import Prompts, newest
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
    """Return the prompt: worked examples, then the conversation with the feeling noted at its end."""
    settings, empathy = settings_of(runtime), state["empathy"]
    turns, cut = newest(context_of(state["messages"]), settings.dialogue_limit)
    memories = _memories(state.get("memories", []))
    messages: list[BaseMessage] = [
        SystemMessage(prompts.render("draft_system", persona=settings.persona, memories=memories))
    ]
    for example in prompts.examples:
        messages += [_noted(prompts, example.said, example.emotion, example.words), AIMessage(example.reply)]
    messages += [HumanMessage(t.text) if t.role == "speaker" else AIMessage(t.text) for t in turns[:-1]]
    words = [cause.text for cause in empathy.causes[:3]]
    messages.append(_noted(prompts, turns[-1].text, empathy.emotion, words))
    fault = (
        f"the dialogue is longer than {settings.dialogue_limit} characters: the LLM did not see the oldest {cut} turns"
    )
    return messages, fault if cut else ""


def _noted(prompts: Prompts, said: str, emotion: str, words: Sequence[str]) -> HumanMessage:
    causes = f": {', '.join(words)}" if words else ""
    return HumanMessage(prompts.render("draft", said=said, emotion=emotion, causes=causes))


def _memories(memories: Sequence[Memory]) -> str:
    if not memories:
        return ""
    said = (f'- "{" ".join(m.text[:300].split())}"' + (f" (felt {m.emotion})" if m.emotion else "") for m in memories)
    return "In earlier conversations the person said:\n" + "\n".join(said)


def _reply(state: HefState, reply: BaseMessage, fault: str) -> Update:
    faults = {**state.get("faults", {}), "draft_response": fault}
    empathy = state["empathy"].model_copy(update={"degraded": summary(faults)})
    return {"messages": [reply], "empathy": empathy, "faults": {"draft_response": fault}}
