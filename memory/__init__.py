"""The memory: a LangGraph store on Chroma, and the memory of past turns on top of any store."""

from __future__ import annotations

from .recalling import arecall_turns, recall_turns, within
from .store import ChromaStore
from .stored import turn_id
from .turns import aforget_turns, alist_turns, aremember_turn, forget_turns, list_turns, remember_turn, remember_turns
from .users import namespace_of

__all__ = [
    "ChromaStore",
    "aforget_turns",
    "alist_turns",
    "arecall_turns",
    "aremember_turn",
    "forget_turns",
    "list_turns",
    "namespace_of",
    "recall_turns",
    "remember_turn",
    "remember_turns",
    "turn_id",
    "within",
]
