"""HEF as a LangGraph state machine: `create_hef`, its state, settings and result."""

from __future__ import annotations

from ..contract import Empathy, HefContext, HefState
from .build import create_hef, create_perception
from .store import open_store

__all__ = ["Empathy", "HefContext", "HefState", "create_hef", "create_perception", "open_store"]
