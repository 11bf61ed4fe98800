"""Node `llm_safety`: reads `messages`, writes `safety`, and in danger `empathy` and `memories`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState
from ..contract.chat_model import is_hosted
from ..safety import LlmSafetyCheck
from ..safety import assess as shipped_assess
from .checking.check_calls import Assess
from .checking.findings import SafetyHook, look_for_danger
from .support.llm_calls import LlmCalls, llm_node
from .support.turn_view import TurnView, Update, turn_view


def llm_safety_node(
    assess: Assess, hooks: Sequence[SafetyHook], labels: Sequence[str], check_by_run: LlmSafetyCheck | None = None
) -> Runnable[HefState, Update]:
    """Return the node that asks the LLM of a safety check, in the superstep in which the emotion is judged.

    So nobody waits for two answers one after the other. No reply leaves the graph before it has answered.

    Args:
        assess: The whole check; the node `safety` has asked its part `assess_at_once`.
        hooks: Called where the level is concern or danger.
        labels: The emotions.
        check_by_run: The check by the graph's LLM, where instead of `assess` the LLM of each run is asked, if it is a
            hosted one and the strategy asks any.
    """

    async def llm_safety(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Ask an LLM whether somebody is in danger, while the emotion is judged."""
        turn = turn_view(state, runtime)
        check = assess if check_by_run is None else await _check_of_run(check_by_run, turn, calls)
        return await look_for_danger(check, turn, runtime, calls, node="llm_safety", hooks=hooks, labels=labels)

    return llm_node(llm_safety)


async def _check_of_run(check: LlmSafetyCheck, turn: TurnView, calls: LlmCalls) -> Assess:
    """Return the check by the LLM of a run, HEF's own where that is a local one or the run asks none."""
    llm = await calls.model_for_run(check.model, turn.settings)
    is_asked = turn.settings.strategy != "sem_only" and is_hosted(llm)
    return check.by(llm).assess if is_asked else shipped_assess
