"""Custom stream events of a turn, `{"hef": kind, "round": n, …}`, for hosts that stream with mode `custom`."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from ...contract import Empathy


def emit(runtime: Runtime[Any], kind: str, /, round: int = 0, **data: object) -> None:
    """Write one event; `round` counts the re-queries before it."""
    runtime.stream_writer({"hef": kind, "round": round, **data})


def emit_decision(runtime: Runtime[Any], empathy: Empathy) -> None:
    """Write the event of a decision."""
    emit(
        runtime,
        "decision",
        empathy.requeries,
        emotion=empathy.emotion,
        stage=empathy.stage,
        distribution=empathy.distribution,
    )
