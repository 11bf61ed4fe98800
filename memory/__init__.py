"""The memory: a LangGraph store on Chroma, and the memory of past turns on top of any store."""

from __future__ import annotations

from .forgetting import erase_turns
from .portable import Imported, export_turns, import_turns
from .selection import Selection, select_items
from .store import ChromaStore
from .turns import (
    aforget_turns,
    alist_turns,
    arecall_turns,
    aremember_turn,
    forget_turns,
    list_turns,
    recall_turns,
    remember_turn,
    turn_id,
)
from .users import namespace_of

__all__ = [
    "ChromaStore",
    "Imported",
    "Selection",
    "aforget_turns",
    "alist_turns",
    "arecall_turns",
    "aremember_turn",
    "erase_turns",
    "export_turns",
    "forget_turns",
    "import_turns",
    "list_turns",
    "namespace_of",
    "recall_turns",
    "remember_turn",
    "select_items",
    "turn_id",
]
