"""Node `confirm_emotion`: reads `messages` and `empathy`, asks a person, writes `empathy`."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from ..contract import HefState
from ..sem import Taxonomy
from .support.events import emit_decision
from .support.explanations import explain_review
from .support.human_review import Review, answer_schema, apply_review, parse_review, review_request
from .support.transcript import dialogue_context
from .support.turn_view import Node, Update, can_pause


def confirm_emotion_node(taxonomy: Taxonomy) -> Node:
    """Return the node in which a person settles what SEM and LLM disagree about.

    It is a node of its own because a node runs from its start when it is resumed: nothing costly
    comes before the pause. An answer that names no label of the set is asked for again.
    """

    def confirm_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Ask a person which emotion it is, since SEM and LLM still disagree."""
        if not can_pause():
            return {"faults": {"confirm_emotion": "nobody was asked about the emotion: a pause needs a checkpointer"}}
        review = _ask(state, taxonomy)
        empathy = apply_review(state["empathy"], review)
        emit_decision(runtime, empathy)
        return {"empathy": empathy, "explanations": {"confirm_emotion": explain_review(state["empathy"], review)}}

    return confirm_emotion


def _ask(state: HefState, taxonomy: Taxonomy) -> Review:
    last_turn, fault = dialogue_context(state["messages"])[-1].text, ""
    while True:
        request = review_request(state["empathy"], last_turn, taxonomy, fault)
        answer = interrupt(request, response_schema=answer_schema(taxonomy))
        try:
            return parse_review(answer, taxonomy)
        except ValueError as error:
            fault = str(error)
