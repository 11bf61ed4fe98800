"""Parent graphs that HEF is a node of, shared by the tests of embedding."""

from __future__ import annotations

from typing import Any

from hef.graph import HefOutput
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.outputs import ChatResult
from langgraph.graph import START, StateGraph

Chat = HefOutput
"""The smallest state of a parent: `messages` and `empathy`."""


def parent_graph(hef: Any, state: Any = Chat, context: Any = None, **kwargs: Any) -> Any:
    """Return a compiled parent graph whose only node, `hef`, is the given graph."""
    return StateGraph(state, context).add_node("hef", hef).add_edge(START, "hef").compile(**kwargs)


def turn_input(text: str = "I won the race today!") -> dict[str, list[AnyMessage]]:
    """Return the input of one turn."""
    return {"messages": [HumanMessage(text)]}


def thread_config(thread: str, **configurable: Any) -> dict[str, Any]:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread, **configurable}}


def message_texts(out: Any) -> list[tuple[str, str]]:
    """Return the type and text of each message."""
    return [(message.type, message.text) for message in out["messages"]]


class ToolCallingChat(FakeMessagesListChatModel):
    """A scripted chat model that calls tools: it returns the scripted messages in order, each time with a new id."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Accept any tools: the script calls them."""
        return self

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(*args, **kwargs)
        (generation,) = result.generations
        generation.message = generation.message.model_copy(update={"id": None})
        return result


def tool_call(tool: str, text: str = "", **arguments: Any) -> AIMessage:
    """Return a message that calls a tool, with an optional text."""
    return AIMessage(text, tool_calls=[{"name": tool, "args": arguments, "id": tool, "type": "tool_call"}])
