"""HEF as a LangGraph state machine: `create_hef`, its state, settings and result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contract import Empathy, HefContext, HefOutput, HefState
from .build import create_emotion_graph, create_hef, create_reading_graph
from .default_store import open_store
from .history import trim_history
from .parts import SafetyJudge, TwoPartSafetyJudge
from .person_note import empathy_note

if TYPE_CHECKING:
    from .middleware import HefMiddleware as HefMiddleware

__all__ = [
    "Empathy",
    "HefContext",
    "HefOutput",
    "HefState",
    "SafetyJudge",
    "TwoPartSafetyJudge",
    "create_emotion_graph",
    "create_hef",
    "create_reading_graph",
    "empathy_note",
    "open_store",
    "trim_history",
]


def __getattr__(name: str) -> Any:
    """Import the middleware on first access: it needs LangChain's agents, which the rest does not."""
    if name == "HefMiddleware":
        from .middleware import HefMiddleware

        return HefMiddleware
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
