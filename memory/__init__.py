"""Memory: a LangGraph store on Chroma, and the memory of past turns on any store."""

from __future__ import annotations

from .chroma.store import ChromaStore
from .feedback import feedback_rows
from .marks import amark_turn, mark_turn
from .reembedding import STALE_VECTORS, StaleVectorNotice, has_stale_vectors, reembed_turns
from .selection import Selection, erase_turns, near_items, said_at, search_items, select_items
from .timeline import Period, PeriodName, Point, by_period, emotion_shares, timeline
from .transfer import ImportReport, dumps, export_turns, import_turns, to_record
from .turn_recall import arecall_turns, fit_token_budget, recall_turns
from .turns import (
    aforget_turns,
    alist_turns,
    aremember_turn,
    forget_turns,
    list_turns,
    memories_from_items,
    remember_turn,
    remember_turns,
    turn_id,
    user_namespace,
)

__all__ = [
    "STALE_VECTORS",
    "ChromaStore",
    "ImportReport",
    "Period",
    "PeriodName",
    "Point",
    "Selection",
    "StaleVectorNotice",
    "aforget_turns",
    "alist_turns",
    "amark_turn",
    "arecall_turns",
    "aremember_turn",
    "by_period",
    "dumps",
    "emotion_shares",
    "erase_turns",
    "export_turns",
    "feedback_rows",
    "fit_token_budget",
    "forget_turns",
    "has_stale_vectors",
    "import_turns",
    "list_turns",
    "mark_turn",
    "memories_from_items",
    "near_items",
    "recall_turns",
    "reembed_turns",
    "remember_turn",
    "remember_turns",
    "said_at",
    "search_items",
    "select_items",
    "timeline",
    "to_record",
    "turn_id",
    "user_namespace",
]
