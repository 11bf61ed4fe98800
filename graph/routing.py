"""Where the graph goes after the coarse stage: a pure function, and its adapter to the graph."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime

from ..contract import HefState, Verdict, as_context


def after_verdict(verdict: Verdict | None, rounds: int, max_requeries: int) -> Literal["sem_emotion", "fine_emotion"]:
    """Return the next node: the SEM again on disagreement while the budget lasts, else the decision.

    Args:
        verdict: The LLM's judgement.
        rounds: How often the SEM was asked in this turn.
        max_requeries: How often it may be asked again.
    """
    disagrees = verdict is not None and not verdict.agreed
    return "sem_emotion" if disagrees and 0 < rounds <= max_requeries else "fine_emotion"


def after_coarse(state: HefState, runtime: Runtime[Any]) -> Literal["sem_emotion", "fine_emotion"]:
    """Route from `coarse_emotion`; only strategy `two_stage` asks again."""
    settings, verdict = as_context(runtime.context), state.get("verdict")
    # Counted by judgements, not by readings: a re-query in which the SEM failed leaves no reading, and counts.
    rounds = verdict.requeries + 1 if verdict and state.get("readings") else 0
    return after_verdict(verdict, rounds, settings.max_requeries if settings.strategy == "two_stage" else 0)
