"""Node `crisis_reply`: reads `messages` and `safety`, writes `messages` (one AIMessage)."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState
from ..contract.state import degraded_empathy
from ..prompts import Prompts
from ..safety import all_resources, crisis_text
from .calling.llm_calls import LlmCalls, llm_node
from .support.fixed_text import say
from .support.turn_view import Update, turn_view, with_agent_name


def crisis_reply_node(prompts: Prompts) -> Runnable[HefState, Update]:
    """Return the node that answers somebody in danger: a text of the templates `danger_…`, streamed as any reply."""
    all_resources()  # read now: the event loop of a server is not to wait for a file

    async def crisis_reply(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Answer somebody in danger with a fixed text and the number to call, which no LLM wrote."""
        turn = turn_view(state, runtime)
        text = crisis_text(
            turn.safety,
            turn.settings.region,
            prompts=prompts.replaced(turn.settings.templates),
            earlier=[earlier.text for earlier in turn.conversation if earlier.role == "listener"],
        )
        return {
            "messages": [with_agent_name(await say(calls, text))],
            "empathy": degraded_empathy(state, "crisis_reply", ""),
            "faults": {"crisis_reply": ""},
        }

    return llm_node(crisis_reply)
