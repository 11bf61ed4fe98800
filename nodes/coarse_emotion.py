"""Node `coarse_emotion`: reads `messages`, `readings` and `verdict`, writes `verdict`."""

from __future__ import annotations

from math import log
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefContext, HefState, Reading, Turn, Verdict
from ..llm import model_name
from ..sem.distribution import primary_emotions
from .deciding.decision import pool_rounds
from .judging.judge import Judge, Judgement
from .judging.llm_selection import allm_for_run, fault_or_raise, llm_for_run
from .sem_emotion import current_verdict
from .support.explanations import explain_verdict
from .support.run_settings import Update, dual_mode_node, emit, run_settings
from .support.transcript import recent_dialogue, turn_key

MARGIN = 3.0
"""A scoring LLM disagrees when its own choice is so many times as probable to it as any primary emotion."""


def coarse_emotion_node(model: BaseChatModel, judge: Judge) -> Runnable[HefState, Update]:
    """Return the node in which the LLM weighs the primary emotions."""

    def coarse_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Judge whether the person's emotion is among the primary ones."""
        settings, readings = run_settings(runtime), state.get("readings", [])
        if (known := _cached_judgement(state, settings)) is not None:
            return _verdict(state, runtime, known, _judged_by(state))
        try:
            llm = llm_for_run(model, settings)
            found = judge.judge(llm, _seen(state, settings), readings, settings)
        except Exception as error:
            return _verdict(state, runtime, None, fault=fault_or_raise(error, runtime, "judge the emotion"))
        return _verdict(state, runtime, found, model_name(llm))

    async def acoarse_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        settings, readings = run_settings(runtime), state.get("readings", [])
        if (known := _cached_judgement(state, settings)) is not None:
            return _verdict(state, runtime, known, _judged_by(state))
        try:
            llm = await allm_for_run(model, settings)
            found = await judge.ajudge(llm, _seen(state, settings), readings, settings)
        except Exception as error:
            return _verdict(state, runtime, None, fault=fault_or_raise(error, runtime, "judge the emotion"))
        return _verdict(state, runtime, found, model_name(llm))

    return dual_mode_node(coarse_emotion, acoarse_emotion)


def _seen(state: HefState, settings: HefContext) -> list[Turn]:
    return recent_dialogue(state["messages"], settings.dialogue_limit)[0]


def _cached_judgement(state: HefState, settings: HefContext) -> Judgement | None:
    """Return a judgement that needs no LLM call: none is wanted, or its scores stand already."""
    if settings.strategy == "sem_only":
        return Judgement(None, None, "generated")
    before = current_verdict(state)
    if before and before.scores is not None and before.emotion:
        return Judgement(before.emotion, before.scores, "scored")
    return None


def _judged_by(state: HefState) -> str | None:
    """Return which LLM gave the scores that stand already."""
    before = current_verdict(state)
    return before.model if before else None


def _verdict(
    state: HefState, runtime: Runtime[Any], found: Judgement | None, model: str | None = None, fault: str = ""
) -> Update:
    settings, readings, before = run_settings(runtime), state.get("readings", []), current_verdict(state)
    asked = found is not None and settings.strategy != "sem_only"
    if asked and found is not None and found.emotion is None:
        fault = fault or "the LLM named no emotion of the set: the SEM decided"
    agreed = found is None or agrees(found, readings)
    verdict = Verdict(
        turn=turn_key(state["messages"]),
        agreed=agreed,
        emotion=_named(found, readings if agreed and settings.strategy == "two_stage" else []),
        scores=found.scores if found else None,
        form=found.form if asked and found and found.emotion else "none",
        model=model if asked else None,
        requeries=before.requeries + 1 if before else 0,
    )
    emit(runtime, "verdict", verdict.requeries, **verdict.model_dump(exclude={"turn", "requeries", "scores"}))
    told = {"coarse_emotion": explain_verdict(verdict) if found else ""}
    return {"verdict": verdict, "explanations": told, "faults": {"coarse_emotion": fault}}


def _named(found: Judgement | None, readings: list[Reading]) -> str | None:
    """Return what the LLM names: among the readings' primary emotions, where it scored them."""
    primary = [label for reading in readings for label in reading.primary]
    if found is None or found.scores is None or not primary:
        return found.emotion if found else None
    scores = found.scores
    return max(primary, key=lambda label: scores[label])


def agrees(found: Judgement, readings: list[Reading]) -> bool:
    """Say whether a judgement stands by one of the primary emotions of any round."""
    primary = {label for reading in readings for label in reading.primary}
    if not primary or found.emotion is None or found.emotion in primary:
        return True
    if found.emotion in primary_emotions(pool_rounds(readings), len(readings[0].primary)):
        return True
    if found.scores is None:
        return False
    best = max(found.scores[label] for label in primary)
    return found.scores[found.emotion] - best < log(MARGIN)
