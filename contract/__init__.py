"""The types that cross a boundary: what nodes, models and callers hand to each other.

The lowest layer: everything may import it, and it imports nothing of HEF.
"""

from __future__ import annotations

from .context import HefContext, as_context
from .dialogue import Dialogue, Turn, View, look
from .empathy import Empathy, Memory, Verdict
from .errors import HefError, InputError, ModelError, SetupError, StoreError
from .reading import Cause, Evidence, Reading
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
    "Reading",
    "SetupError",
    "StoreError",
    "Turn",
    "Verdict",
    "View",
    "as_context",
    "look",
]
