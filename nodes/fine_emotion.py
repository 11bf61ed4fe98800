"""Node `fine_emotion`: reads `readings` and `verdict`, writes `empathy`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import Empathy, HefContext, HefState, PoolingWeights, Reading, SetupError, Verdict
from ..contract.chat_model import ChatModel
from ..llm import model_name
from ..sem import Taxonomy
from .deciding.decision import UNCERTAIN_BELOW, Decision, decide, decide_by_llm, pooling_form
from .deciding.fit_registry import FitRegistry
from .support.events import emit_decision
from .support.explanations import explain_decision
from .support.node_record import record_suppressed_error
from .support.tool_call import call_tool, dialogue_argument
from .support.turn_view import Node, TurnView, Update, turn_view

NEUTRAL_BELOW = 0.5
"""Probability below which it is uncertain where the LLM finds no feeling."""
NEUTRAL_AGAINST_LLM = 0.95
"""Probability of no emotion by the SEM from which on it outweighs a decision for the emotion that the LLM named."""


def fine_emotion_node(
    model: ChatModel, taxonomy: Taxonomy, fits: FitRegistry, tool: BaseTool, *, languages: Collection[str]
) -> Node:
    """Return the node that decides the emotion from the SEM's and the LLM's evidence.

    Where the SEM was left out and the LLM named no emotion, the tool `sem_emotion` is called after all.
    """

    def fine_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Decide the emotion: join the SEM's distribution and the LLM's judgement."""
        turn = turn_view(state, runtime)
        settings, verdict = turn.settings, turn.verdict
        readings = turn.readings or _late_readings(tool, turn, languages)
        # Of a text that the SEM cannot read, it can be sure without reason.
        is_guess = bool(readings) and bool(turn.unread_language(languages))
        decision_rule = decide_by_llm if settings.strategy == "one_prompt" else decide
        decision = decision_rule(readings, verdict, taxonomy, _fit(fits, verdict))
        primary = readings[0].primary if readings else ()
        is_neutral = not turn.is_emotion_edited and _is_neutral(decision, verdict, [] if is_guess else readings)
        empathy = Empathy(
            emotion=decision.emotion,
            distribution=decision.distribution,
            primary=primary,
            agreed=verdict.agreed if verdict else True,
            stage="coarse" if decision.emotion in primary or not primary else "fine",
            uncertain=is_guess or is_neutral or decision.distribution[decision.emotion] < UNCERTAIN_BELOW,
            neutral=is_neutral,
            requeries=verdict.requeries if verdict else 0,
            hypothesis=verdict.emotion if verdict else None,
            memories=tuple(dict.fromkeys(memory.id for memory in state.get("memories", []))),
            safety=turn.safety,
            sem=readings[0].sem if readings else None,
            model=_model_of_run(model, settings),
        )
        emit_decision(runtime, empathy)
        # Nobody was asked yet to confirm this decision; an entry there is of an earlier turn.
        return {"empathy": empathy, "explanations": {"fine_emotion": explain_decision(empathy), "confirm_emotion": ""}}

    return fine_emotion


def _model_of_run(model: ChatModel, settings: HefContext) -> str:
    """Return the name of the run's LLM, as its settings name it or the model itself does."""
    chosen = settings.model or model
    return chosen if isinstance(chosen, str) else model_name(chosen)


def _late_readings(tool: BaseTool, turn: TurnView, languages: Collection[str]) -> list[Reading]:
    """Return what the SEM reads where the LLM was to decide alone and named no emotion; nothing where it fails, too."""
    if turn.verdict and turn.verdict.emotion:
        return []
    if turn.settings.strategy != "llm_only" and not turn.unread_language(languages):
        return []
    arguments = {"dialogue": dialogue_argument(turn.dialogue), "primary": turn.settings.primary}
    try:
        reading: Reading = call_tool(tool, arguments)[0].artifact
    except (GraphBubbleUp, SetupError):
        raise
    except Exception as error:
        record_suppressed_error(error)
        return []
    return [reading]


def _is_neutral(decision: Decision, verdict: Verdict | None, readings: list[Reading]) -> bool:
    """Return whether what was said carries no emotion.

    So it is where the SEM gives no emotion 0.5 or more, and where the LLM answers "none" and the decision is below
    `NEUTRAL_BELOW`. Where the decision is the emotion that the LLM named in words, the SEM has to be as good as sure.
    """
    if verdict and verdict.neutral and decision.distribution[decision.emotion] < NEUTRAL_BELOW:
        return True
    if not readings:
        return False
    if verdict and verdict.form == "generated" and verdict.emotion == decision.emotion:
        return (readings[0].neutral or 0.0) >= NEUTRAL_AGAINST_LLM
    return readings[0].is_neutral


def _fit(fits: FitRegistry, verdict: Verdict | None) -> PoolingWeights | None:
    """Return the fit of the LLM that judged, which the settings of a run may have named."""
    if verdict is None or verdict.model is None:
        return None
    return fits.get(verdict.model, pooling_form(verdict), verdict.reliability)
