"""Node `safety`: reads `messages`, writes `safety`, and in danger `empathy` and `memories`; a turn begins here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState
from .checking.check_calls import Assess, check_at_once
from .checking.findings import SafetyHook, look_for_danger
from .support.llm_calls import LlmCalls, llm_node
from .support.turn_view import Update, turn_view


def safety_node(
    assess: Assess | None, hooks: Sequence[SafetyHook], labels: Sequence[str]
) -> Runnable[HefState, Update]:
    """Return the node that looks for danger in the person's turn in its context.

    What it finds is told to the hooks, in a custom event, and without any words in an event of the OpenTelemetry span.
    Of a check that asks an LLM only the part that waits for nobody judges here; the node `llm_safety` asks the rest.

    Args:
        assess: What judges; None switches it off.
        hooks: Called where the level is concern or danger.
        labels: The emotions.
    """
    at_once = check_at_once(assess)

    async def safety(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Look whether somebody is in danger, before anything is read or said."""
        update = await look_for_danger(
            at_once or assess,
            turn_view(state, runtime),
            runtime,
            calls,
            node="safety",
            hooks=hooks,
            labels=labels,
            is_provisional=at_once is not None,
        )
        explanations = _first_entries(state.get("explanations"), update["explanations"])
        return {**update, "explanations": explanations, "faults": _first_entries(state.get("faults"), update["faults"])}

    return llm_node(safety)


def _first_entries(earlier: Mapping[str, str] | None, entries: Mapping[str, str]) -> dict[str, str]:
    """Return this node's entries, and empty ones of the nodes after it.

    What the state holds of the other nodes is of the turn before, and would stay where this one fails before they run.
    """
    return {**dict.fromkeys(earlier or {}, ""), **entries}
