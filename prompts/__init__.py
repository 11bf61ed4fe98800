"""Prompt templates, one Markdown file each, their loader, and the messages made of them."""

from __future__ import annotations

from .agent_note import empathy_note
from .fence import fence, newest
from .loader import NAMES, Overrides, Prompts
from .messages import (
    CONTENT_FREE,
    SCORE_PREFIX,
    content_free_messages,
    draft_messages,
    question_messages,
    remembered,
    score_messages,
    system_message,
)

__all__ = [
    "CONTENT_FREE",
    "NAMES",
    "SCORE_PREFIX",
    "Overrides",
    "Prompts",
    "content_free_messages",
    "draft_messages",
    "empathy_note",
    "fence",
    "newest",
    "question_messages",
    "remembered",
    "score_messages",
    "system_message",
]
