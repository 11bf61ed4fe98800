"""Trim the history of a thread: its oldest messages are removed at the end of a turn."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import RemoveMessage
from langgraph.graph import StateGraph

from ..contract import HefState, SetupError
from ..nodes.support.conversation import is_instruction


def trim_history(builder: StateGraph[Any, Any, Any, Any], messages: int) -> StateGraph[Any, Any, Any, Any]:
    """Make a graph of `create_hef` keep only the newest messages of a thread, and return it.

    LangGraph writes all messages of a thread into checkpoints twice per turn and reads them once; without this the
    cost of a turn grows with its thread. The host's system messages stay. The memory keeps every turn; its `turn` then
    counts the messages left.

    Args:
        builder: What `create_hef` returned.
        messages: How many, at least 2: the person's and the reply. The dialogue in the LLM's prompt
            (`dialogue_limit`) and the SEM's window fit into some hundred. With less than 4 a turn that is sent
            again, or followed by a photo, is remembered a second time: what was said before it is gone.

    Raises:
        SetupError: There are fewer than 2.

    Example:
        >>> hef = trim_history(create_hef(), 200).compile(checkpointer=saver)
    """
    if messages < 2:
        raise SetupError(f"messages is {messages}; a turn has two, the person's and the reply: give at least 2")

    def trim(state: HefState) -> dict[str, Any]:
        """Remove the oldest messages."""
        oldest = state["messages"][:-messages]
        removals = [RemoveMessage(str(message.id)) for message in oldest if not is_instruction(message)]
        # An empty list would be written as a new checkpoint of the complete history.
        return {"messages": removals} if removals else {}

    builder.add_node("trim", trim)
    builder.add_edge("remember", "trim")
    return builder
