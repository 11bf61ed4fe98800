"""Prompt templates, one Markdown file each, their loader, and the messages rendered from them."""

from __future__ import annotations

from .chat_draft import ChatDraft, chat_draft_messages
from .fence import cause_words, fence, label_text, newest, one_line, quoted
from .loader import NAMES, Overrides, Prompts, fill, shipped_chat_draft
from .messages import (
    CONTENT_FREE,
    MAX_CAUSES,
    SCORE_PREFIX,
    causes_of_last_turn,
    concern_note,
    content_free_messages,
    danger_note,
    draft_messages,
    empathy_note,
    question_messages,
    score_messages,
    system_message,
)
from .recalled_turns import CHARACTERS_PER_TOKEN, felt, is_wish, recalled_lines, remembered, speaker_name

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "CONTENT_FREE",
    "MAX_CAUSES",
    "NAMES",
    "SCORE_PREFIX",
    "ChatDraft",
    "Overrides",
    "Prompts",
    "cause_words",
    "causes_of_last_turn",
    "chat_draft_messages",
    "concern_note",
    "content_free_messages",
    "danger_note",
    "draft_messages",
    "empathy_note",
    "felt",
    "fence",
    "fill",
    "is_wish",
    "label_text",
    "newest",
    "one_line",
    "question_messages",
    "quoted",
    "recalled_lines",
    "remembered",
    "score_messages",
    "shipped_chat_draft",
    "speaker_name",
    "system_message",
]
