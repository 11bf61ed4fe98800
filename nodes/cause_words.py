"""Node `cause_words`: reads `messages` and `empathy.emotion`, writes `empathy.causes`."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState
from .dialogue import context_of
from .evidence import of_causes
from .observation import left_out
from .runtime import Node, Update, emit
from .sem_emotion import as_arguments, call_tool


def cause_words_node(tool: BaseTool, *, trace: bool = False) -> Node:
    """Return the node that calls the tool `sem_causes`."""

    def cause_words(state: HefState, runtime: Runtime[Any]) -> Update:
        """Find the words that speak for the decided emotion."""
        empathy = state["empathy"]
        arguments = {"dialogue": as_arguments(context_of(state["messages"])), "emotion": empathy.emotion}
        try:
            answer, messages = call_tool(tool, arguments)
        except GraphBubbleUp:
            raise
        except Exception as error:
            left_out(error)
            return {"evidence": {"cause_words": ""}, "faults": {"cause_words": f"no cause words: {error}"}}
        emit(runtime, "causes", causes=[cause.model_dump() for cause in answer.artifact])
        update: Update = {
            "empathy": empathy.model_copy(update={"causes": answer.artifact}),
            "evidence": {"cause_words": of_causes(answer.artifact)},
            "faults": {"cause_words": ""},
        }
        return {**update, "messages": messages} if trace else update

    return cause_words
