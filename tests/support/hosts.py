"""Graphs that HEF is a part of: what the tests of embedding share."""

from __future__ import annotations

from typing import Any

from hef.graph import HefOutput
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.outputs import ChatResult
from langgraph.graph import START, StateGraph

Chat = HefOutput
"""The smallest state of a parent: `messages` and `empathy`."""


def host(hef: Any, state: Any = Chat, context: Any = None, **kwargs: Any) -> Any:
    """Return a compiled parent whose one node, `hef`, is the given graph."""
    return StateGraph(state, context).add_node("hef", hef).add_edge(START, "hef").compile(**kwargs)


def said(text: str = "I won the race today!") -> dict[str, list[AnyMessage]]:
    """Return the input of one turn."""
    return {"messages": [HumanMessage(text)]}


def on(thread: str, **configurable: Any) -> dict[str, Any]:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread, **configurable}}


def told(out: Any) -> list[tuple[str, str]]:
    """Return type and text of each message."""
    return [(message.type, message.text) for message in out["messages"]]


class CallingChat(FakeMessagesListChatModel):
    """A scripted chat model that calls tools: it gives the scripted messages in order, each time as a new one."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take any tools: the script calls them."""
        return self

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(*args, **kwargs)
        (one,) = result.generations
        one.message = one.message.model_copy(update={"id": None})
        return result


def calls(tool: str, text: str = "", **arguments: Any) -> AIMessage:
    """Return a message that calls a tool, with some words beside it."""
    return AIMessage(text, tool_calls=[{"name": tool, "args": arguments, "id": tool, "type": "tool_call"}])
