"""Node `sem_emotion`: reads `messages` and `verdict`, writes `readings`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState, Reading, SetupError, Turn, Verdict, View
from .support.explanations import explain_readings
from .support.run_settings import Node, Update, emit, run_settings
from .support.telemetry import record_suppressed_error
from .support.transcript import input_fault, recent_dialogue, turn_key

VIEWS: tuple[View, ...] = ("dialogue", "speaker", "last_turn")
"""What is looked at in each round; the last one stays."""


def sem_emotion_node(tool: BaseTool, *, trace: bool = False) -> Node:
    """Return the node that calls the tool `sem_emotion`.

    In the first round of a turn it reads the whole dialogue. On a re-query it looks at another
    view and returns the evidence for and against the LLM's hypothesis.
    """

    def sem_emotion(state: HefState, runtime: Runtime[Any]) -> Update:
        """Read the emotion with the SEM; on a re-query look again, with the LLM's hypothesis."""
        settings = run_settings(runtime)
        if settings.strategy == "llm_only":
            return _update([], input_fault(state["messages"]))
        verdict = current_verdict(state)
        held = state.get("readings") or [] if verdict else []
        dialogue, earlier = recent_dialogue(state["messages"], settings.dialogue_limit)
        arguments = {
            "dialogue": as_arguments(dialogue),
            "primary": settings.primary,
            "hypothesis": verdict.emotion if verdict else None,
            "view": VIEWS[min(len(held), len(VIEWS) - 1)],
        }
        try:
            answer, messages = call_tool(tool, arguments)
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            record_suppressed_error(error)
            return _update(held, f"the SEM could not read the emotion: {error}")
        reading = answer.artifact.model_copy(
            update={"round": len(held), "truncated_turns": answer.artifact.truncated_turns + earlier}
        )
        emit(runtime, "reading", reading.round, **reading.model_dump(exclude={"round"}))
        faults = filter(None, [input_fault(state["messages"]), _faults(reading, dialogue)])
        update = _update([*held, reading], "; ".join(faults))
        return {**update, "messages": messages} if trace else update

    return sem_emotion


def current_verdict(state: HefState) -> Verdict | None:
    """Return the verdict if it is of this turn, not one that an earlier turn left in the thread."""
    verdict = state.get("verdict")
    return verdict if verdict and verdict.turn == turn_key(state["messages"]) else None


def as_arguments(dialogue: list[Turn]) -> list[dict[str, str]]:
    """Return turns as tool arguments."""
    return [{"role": turn.role, "text": turn.text} for turn in dialogue]


def call_tool(tool: BaseTool, arguments: dict[str, Any]) -> tuple[ToolMessage, list[AnyMessage]]:
    """Call a tool; return its message, and the pair of messages that a trace shows."""
    call = {"name": tool.name, "args": arguments, "id": f"hef-{uuid4()}", "type": "tool_call"}
    answer: ToolMessage = tool.invoke(call)
    return answer, [AIMessage(content="", tool_calls=[call]), answer]


def _update(readings: list[Reading], fault: str) -> Update:
    return {
        "readings": readings,
        "explanations": {"sem_emotion": explain_readings(readings)},
        "faults": {"sem_emotion": fault},
    }


def _faults(reading: Reading, dialogue: list[Turn]) -> str:
    if reading.truncated_turns:
        lost = reading.truncated_turns
        return f"the dialogue is longer than the SEM's window: its oldest part ({lost} turns) was not read"
    text = dialogue[-1].text
    letters = [character for character in text if character.isalpha()]
    if letters and sum(character.isascii() for character in letters) < len(letters) / 2:
        return "the SEM reads English: the emotion of a text in another script is uncertain"
    return ""
