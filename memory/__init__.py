"""The memory: a LangGraph store on Chroma, and the memory of past turns on top of any store."""

from __future__ import annotations

from .chroma.store import ChromaStore
from .erase import erase_turns
from .feedback import feedback_rows
from .selection import Selection, search_items, select_items, time_of
from .serialisation import memories_of, turn_id
from .timeline import Period, PeriodName, Point, by_period, shares, timeline
from .transfer import Imported, as_json, export_turns, exported, import_turns
from .turn_recall import arecall_turns, recall_turns, within
from .turns import aforget_turns, alist_turns, aremember_turn, forget_turns, list_turns, remember_turn, remember_turns
from .user_namespaces import namespace_of

__all__ = [
    "ChromaStore",
    "Imported",
    "Period",
    "PeriodName",
    "Point",
    "Selection",
    "aforget_turns",
    "alist_turns",
    "arecall_turns",
    "aremember_turn",
    "as_json",
    "by_period",
    "erase_turns",
    "export_turns",
    "exported",
    "feedback_rows",
    "forget_turns",
    "import_turns",
    "list_turns",
    "memories_of",
    "namespace_of",
    "recall_turns",
    "remember_turn",
    "remember_turns",
    "search_items",
    "select_items",
    "shares",
    "time_of",
    "timeline",
    "turn_id",
    "within",
]
