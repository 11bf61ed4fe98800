"""Node `fine_emotion`: reads `readings` and `verdict`, writes `empathy`."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from ..contract import Empathy, HefState, PoolingWeights, Verdict
from ..llm import model_name
from ..sem import Taxonomy
from .deciding.decision import decide, decide_by_llm, pooling_form
from .deciding.fit_registry import FitRegistry
from .support.events import emit_decision
from .support.explanations import explain_decision
from .support.run_settings import Node, Update
from .support.turn_view import turn_view


def fine_emotion_node(model: BaseChatModel, taxonomy: Taxonomy, fits: FitRegistry) -> Node:
    """Return the node that decides the emotion from the SEM's and the LLM's evidence."""

    def fine_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Decide the emotion: join the SEM's distribution and the LLM's judgement."""
        turn = turn_view(state, runtime)
        settings, readings, verdict = turn.settings, turn.readings, turn.verdict
        decision_rule = decide_by_llm if settings.strategy == "one_prompt" else decide
        decision = decision_rule(readings, verdict, taxonomy, _fit(fits, verdict))
        primary = readings[0].primary if readings else ()
        empathy = Empathy(
            emotion=decision.emotion,
            distribution=decision.distribution,
            primary=primary,
            agreed=verdict.agreed if verdict else True,
            stage="coarse" if decision.emotion in primary or not primary else "fine",
            requeries=verdict.requeries if verdict else 0,
            hypothesis=verdict.emotion if verdict else None,
            memories=tuple(memory.id for memory in state.get("memories", [])),
            sem=readings[0].sem if readings else None,
            model=settings.model or model_name(model),
        )
        emit_decision(runtime, empathy)
        # Nobody was asked yet to confirm this decision; an entry there is of an earlier turn.
        return {"empathy": empathy, "explanations": {"fine_emotion": explain_decision(empathy), "confirm_emotion": ""}}

    return fine_emotion


def _fit(fits: FitRegistry, verdict: Verdict | None) -> PoolingWeights | None:
    """Return the fit of the LLM that judged, which the settings of a run may have named."""
    if verdict is None or verdict.model is None:
        return None
    return fits.get(verdict.model, pooling_form(verdict))
