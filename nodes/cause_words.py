"""Node `cause_words`: reads `messages` and `empathy.emotion`, writes `empathy.causes`."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState
from .support.events import emit
from .support.explanations import explain_causes
from .support.node_record import record_suppressed_error
from .support.run_settings import Node, Update
from .support.tool_call import call_tool, dialogue_argument
from .support.turn_view import turn_view


def cause_words_node(tool: BaseTool, *, trace: bool = False) -> Node:
    """Return the node that calls the tool `sem_causes`."""

    def cause_words(state: HefState, runtime: Runtime[Any]) -> Update:
        """Find the words that speak for the decided emotion."""
        empathy, turn = state["empathy"], turn_view(state, runtime)
        arguments = {"dialogue": dialogue_argument(turn.dialogue), "emotion": empathy.emotion}
        try:
            answer, messages = call_tool(tool, arguments)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            return {"explanations": {"cause_words": ""}, "faults": {"cause_words": f"no cause words: {error}"}}
        # The tool counts turns within what it was shown, `Cause.turn` within the conversation.
        causes = tuple(cause.model_copy(update={"turn": cause.turn + turn.earlier_turns}) for cause in answer.artifact)
        emit(runtime, "causes", causes=[cause.model_dump() for cause in causes])
        update: Update = {
            "empathy": empathy.model_copy(update={"causes": causes}),
            "explanations": {"cause_words": explain_causes(causes)},
            "faults": {"cause_words": ""},
        }
        return {**update, "messages": messages} if trace else update

    return cause_words
