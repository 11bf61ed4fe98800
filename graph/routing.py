"""Routers of the graph: after the look for danger and its reply, after the coarse stage, and after the decision."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime, get_runtime

from ..contract import HefContext, HefState, Safety, Verdict, as_context


def after_safety(state: HefState) -> list[str]:
    """Return the nodes after `safety`: those that read the person, in danger the fixed reply alone."""
    safety = state.get("safety") or Safety()
    return ["crisis_reply"] if safety.level == "danger" else ["recall", "sem_emotion"]


def after_crisis(state: HefState, context: HefContext | None = None) -> Literal["human_takeover", "remember"]:
    """Route from `crisis_reply`; a human may take over if the settings say so."""
    settings = context or _settings()
    return "human_takeover" if settings.safety_handoff else "remember"


def after_verdict(verdict: Verdict | None, rounds: int, max_requeries: int) -> Literal["sem_emotion", "fine_emotion"]:
    """Return the next node: the SEM again on disagreement while the budget lasts, else the decision.

    Args:
        verdict: The LLM's judgement.
        rounds: How often the SEM was asked in this turn.
        max_requeries: How often it may be asked again.
    """
    disagrees = verdict is not None and not verdict.agreed
    return "sem_emotion" if disagrees and 0 < rounds <= max_requeries else "fine_emotion"


def after_coarse(
    state: HefState, context: HefContext | None = None
) -> Literal["sem_emotion", "fine_emotion", "crisis_reply"]:
    """Route from `coarse_emotion`; only strategy `two_stage` asks again, and in danger the fixed reply follows."""
    if after_safety(state) == ["crisis_reply"]:
        return "crisis_reply"
    settings, verdict = context or _settings(), state.get("verdict")
    # Counted by judgements, not by readings: a re-query in which the SEM failed leaves no reading, and counts.
    rounds = verdict.requeries + 1 if verdict and state.get("readings") else 0
    return after_verdict(verdict, rounds, settings.max_requeries if settings.strategy == "two_stage" else 0)


def after_fine(state: HefState, context: HefContext | None = None) -> Literal["confirm_emotion", "cause_words"]:
    """Route from `fine_emotion`; a person is asked if the settings say so and SEM and LLM still disagree."""
    settings = context or _settings()
    return "confirm_emotion" if settings.confirm_emotion and not state["empathy"].agreed else "cause_words"


def _settings() -> HefContext:
    """Return the settings of the run, the defaults without a run: `update_state` calls routers outside of one.

    A router with a runtime in its signature could not be called there.
    """
    runtime: Runtime[Any] | None = get_runtime()
    return as_context(runtime.context if runtime else None)
