"""Node `sem_emotion`: reads `messages` and `verdict`, writes `readings`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState, Reading, SetupError, View
from ..contract.context import misspelled_settings
from ..contract.dialogue import apply_view
from ..contract.errors import error_text
from .support.events import emit
from .support.explanations import explain_readings
from .support.node_record import record_suppressed_error
from .support.tool_call import call_tool, dialogue_argument
from .support.transcript import input_fault, length_fault
from .support.turn_view import Node, TurnView, Update, turn_view

VIEWS: tuple[View, ...] = ("dialogue", "speaker", "last_turn")
"""Views of the dialogue, one per round; later rounds use the last one."""
_LANGUAGE_FAULTS = {
    True: "the SEM was not trained on {language}: the emotion is a guess",
    False: "the SEM was not trained on {language}: it was left to the LLM",
}
"""Whether the reading of a text in such a language counts -> what is said of it."""


def sem_emotion_node(tool: BaseTool, *, languages: Collection[str], trace: bool = False) -> Node:
    """Return the node that calls the tool `sem_emotion`.

    In the first round of a turn it reads the dialogue in full. On a re-query it reads another
    view and returns the evidence for and against the LLM's hypothesis.
    """

    def sem_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Read the emotion with the SEM; on a re-query look again, with the LLM's hypothesis."""
        turn = turn_view(state, runtime)
        input_faults = [
            input_fault(state["messages"]),
            length_fault(state["messages"]),
            misspelled_settings(runtime.context),
        ]
        if turn.settings.strategy == "llm_only":
            return _update([], *input_faults)
        disputed = turn.disputed_verdict
        earlier_readings = turn.readings if disputed else []
        dialogue, round_number = turn.dialogue, len(earlier_readings)
        arguments = {
            "dialogue": dialogue_argument(dialogue),
            "primary": turn.settings.primary,
            "hypothesis": disputed.emotion if disputed else None,
            "view": VIEWS[min(round_number, len(VIEWS) - 1)],
        }
        try:
            answer, messages = call_tool(tool, arguments)
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            record_suppressed_error(error)
            return _update(earlier_readings, *input_faults, f"the SEM could not read the emotion: {error_text(error)}")
        reading: Reading = answer.artifact
        truncated_turns = reading.truncated_turns + turn.earlier_turns
        reading = reading.model_copy(update={"round": round_number, "truncated_turns": truncated_turns})
        emit(runtime, "reading", round_number, **reading.model_dump(exclude={"round"}))
        # Beside an LLM, a guess about a text that the SEM cannot read is no evidence.
        language = turn.unread_language(languages)
        is_evidence = not language or turn.settings.strategy == "sem_only"
        readings = [*earlier_readings, reading] if is_evidence else []
        language_fault = _LANGUAGE_FAULTS[is_evidence].format(language=language) if language else ""
        update = _update(readings, *input_faults, _reading_fault(reading, turn) or language_fault)
        return {**update, "messages": messages} if trace else update

    return sem_emotion


def _update(readings: list[Reading], *faults: str) -> Update:
    return {
        "readings": readings,
        "explanations": {"sem_emotion": explain_readings(readings)},
        "faults": {"sem_emotion": "; ".join(filter(None, faults))},
    }


def _reading_fault(reading: Reading, turn: TurnView) -> str:
    """Return that the person's last words were not all read; older turns beyond the SEM's window are no loss."""
    if reading.truncated_turns < turn.earlier_turns + len(apply_view(turn.dialogue, reading.view)):
        return ""
    return "the person's last turn is longer than the SEM's window: its beginning was not read"
