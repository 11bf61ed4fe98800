"""Node `safety`: reads `messages`, writes `safety`, and in danger `empathy` and `memories`; a turn begins here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState
from .calling.llm_calls import LlmCalls, llm_node
from .checking.danger_watch import DangerWatch
from .support.turn_view import Update, turn_view


def safety_node(watch: DangerWatch) -> Runnable[HefState, Update]:
    """Return the node that looks for danger in the person's turn in its context.

    What it finds is told to the hooks, in a custom event, and without any words in an event of the OpenTelemetry span.
    Where the check also asks an LLM, the node `coarse_emotion` does, beside the judgement.
    """

    async def safety(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Look whether somebody is in danger, before anything is read or said."""
        update, faults = await watch.look(turn_view(state, runtime), runtime, calls)
        return {
            **update,
            "explanations": _first_entries(state.get("explanations"), update["explanations"]),
            "faults": _first_entries(state.get("faults"), {"safety": "; ".join(faults)}),
        }

    return llm_node(safety)


def _first_entries(earlier: Mapping[str, str] | None, entries: Mapping[str, str]) -> dict[str, str]:
    """Return this node's entries, and empty ones of the nodes after it.

    What the state holds of the other nodes is of the turn before, and would stay where this one fails before they run.
    """
    return {**dict.fromkeys(earlier or {}, ""), **entries}
