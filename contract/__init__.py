"""The types that cross a boundary between nodes, models and callers.

The lowest layer: everything may import it, and it imports nothing else of HEF.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .context import HefContext, as_context
from .dialogue import Dialogue, Turn, View, apply_view
from .empathy import Cause, Empathy, Evidence, Memory, Reading, Verdict, Why
from .errors import HefError, InputError, ModelError, SetupError, StoreError
from .safety import Safety, SafetyEvent
from .settings.pooling_weights import PoolingWeights
from .settings.recall_weights import RecallWeights
from .user_identity import as_user_id

if TYPE_CHECKING:
    from .state import HefInput, HefOutput, HefState

__all__ = [
    "Cause",
    "Dialogue",
    "Empathy",
    "Evidence",
    "HefContext",
    "HefError",
    "HefInput",
    "HefOutput",
    "HefState",
    "InputError",
    "Memory",
    "ModelError",
    "PoolingWeights",
    "Reading",
    "RecallWeights",
    "Safety",
    "SafetyEvent",
    "SetupError",
    "StoreError",
    "Turn",
    "Verdict",
    "View",
    "Why",
    "apply_view",
    "as_context",
    "as_user_id",
]

# The handler that libraries add to their logger: without any Python prints warnings to stderr.
logging.getLogger("hef").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import the graph's state on first access: it imports LangGraph, which a SEM by itself does not need."""
    if name in ("HefInput", "HefOutput", "HefState"):
        from . import state

        return getattr(state, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
