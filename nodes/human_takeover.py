"""Node `human_takeover`: reads `messages` and `safety`, asks a human, writes `messages` (one AIMessage, or none)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from ..contract import HefState
from .calling.llm_calls import LlmCalls, llm_node
from .support.explanations import explain_safety
from .support.fixed_text import say
from .support.message_text import message_text
from .support.turn_view import Update, can_pause, turn_view, with_agent_name

ACTION = "human_takeover"
"""Name of the action that a human decides on."""
_APPROVE = "approve"


def human_takeover_node() -> Runnable[HefState, Update]:
    """Return the node in which a human may take over from the reply to somebody in danger, who has that reply already.

    It is a node of its own because a node runs from its start when it is resumed: the reply is not said again.
    """

    async def human_takeover(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Wait for a human who takes over from the reply to somebody in danger."""
        if not can_pause():
            return {"faults": {ACTION: "no human was asked to take over: a pause needs a checkpointer"}}
        turn = turn_view(state, runtime)
        request = _request(explain_safety(turn.safety), message_text(state["messages"][-1]))
        text = _text(interrupt(request, response_schema=_ANSWER))
        messages: list[BaseMessage] = [with_agent_name(await say(calls, text))] if text else []
        explanation = "a human took over" if text else "no human took over"
        return {"messages": messages, "explanations": {ACTION: explanation}, "faults": {ACTION: ""}}

    return llm_node(human_takeover)


def _request(explanation: str, reply: str) -> dict[str, Any]:
    """Return the question, in the shape of LangChain's human-in-the-loop middleware."""
    description = (
        f"Somebody may be in danger ({explanation}). They were answered: {reply}\n"
        "Write what is said to them now, or approve to leave it at that."
    )
    action = {"name": ACTION, "args": {"text": reply}, "description": description}
    config = {"action_name": ACTION, "allowed_decisions": ["approve", "edit"], "args_schema": _ARGUMENTS}
    return {"action_requests": [action], "review_configs": [config]}


_ARGUMENTS = {
    "type": "object",
    "properties": {"text": {"type": "string", "description": "What is said to the person"}},
    "required": ["text"],
}
_ANSWER: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]}
"""JSON schema of an answer: the text, nothing, or a decision of an agent inbox."""


def _text(answer: object) -> str:
    """Return what a human says; empty where they leave it at the reply.

    It is a text, None, or a decision of an agent inbox: `approve`, `edit` with a text, `respond` with a message.
    """
    if isinstance(answer, Mapping) and "decisions" in answer:
        answer = answer["decisions"]
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    match answer:
        case {"type": "edit", "edited_action": {"args": {"text": str(text)}}} | {"message": str(text)}:
            return text.strip()
        case {"text": str(text)} | str(text) if text.strip().casefold() != _APPROVE:
            return text.strip()
    return ""
