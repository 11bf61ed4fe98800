"""Prompts that are longer than an LLM's context window: which errors say so, and what is left out then.

Nobody knows the window of every server, so one is found by its error, and kept in this process.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage

from ...contract.chat_model import ModelKey, model_key
from ...contract.errors import http_status

_OVERFLOW = re.compile(
    r"context_length_exceeded|\bmaximum context length\b|\b(?:prompt|input) is too long\b"
    r"|\binput token count\b[^\n]{0,40}\bexceeds?\b|\brange of input length\b"
    r"|\bexceeds? (?:the )?(?:available |maximum |model's )?context (?:window|size|length|limit)\b"
    r"|\bcontext (?:window|length|size) (?:is |was )?exceeded\b"
    r"|\breduce the length of the (?:messages|prompt|input)\b",
    re.IGNORECASE,
)
"""What servers say of a prompt that is too long."""
_OTHERS = re.compile(
    r"\b(?:rate|quota|limit reached|per (?:minute|min|day|month)|daily|monthly|deadline)\b", re.IGNORECASE
)
"""What they say where the same words mean how much somebody may use, or for how long."""
_TOO_MANY_REQUESTS = 429
_READ_CHARACTERS = 2000
"""Characters of an error that are read."""
_FENCE_END = "</dialogue>"
_FEWEST = 500
"""Characters of a conversation below which nothing more is left out."""
_LEAST_WINDOW = 4000
"""Characters below which no window is kept: then a long host's text or a long message may be the reason."""
_KEPT_SECONDS = 3600.0
"""Time for which a window is kept: what was bound to the LLM, or its server, may be another one later."""

_WINDOWS: dict[ModelKey, tuple[int, float]] = {}
"""Characters of conversation that models took that had refused more, in this process, and until when that counts."""


def overflows(error: BaseException) -> bool:
    """Return whether an error says that a prompt is longer than the LLM's context window."""
    if isinstance(error, ContextOverflowError):
        return True
    text = str(error)[:_READ_CHARACTERS]
    is_busy = http_status(error) == _TOO_MANY_REQUESTS or bool(_OTHERS.search(text))
    return not is_busy and bool(_OVERFLOW.search(text))


def known_window(model: Any) -> int | None:
    """Return how many characters of conversation a model took that had refused more; None where none has."""
    if not _WINDOWS:
        return None
    characters, until = _WINDOWS.get(model_key(model), (0, 0.0))
    return characters if time.monotonic() < until else None


def remember_window(model: Any, refused: Sequence[BaseMessage], halvings: int) -> None:
    """Keep for a while how much conversation a model takes.

    Args:
        model: The LLM.
        refused: The prompt that was too long.
        halvings: How often its conversation was halved until it was taken.
    """
    conversation = _length(_conversation(refused))
    allowed = conversation // 2**halvings
    if allowed >= _LEAST_WINDOW and conversation >= _length(refused) / 2:
        _WINDOWS[model_key(model)] = allowed, time.monotonic() + _KEPT_SECONDS


def shorter_prompts(messages: Sequence[BaseMessage]) -> Iterator[list[BaseMessage]]:
    """Yield a prompt with half of its conversation, with a quarter, and so on: the newest messages.

    System messages stay, and the conversation begins with the person. Of the last message, if it alone is too long, the
    beginning is left out, but for one with a fenced dialogue, which would lose its fence.
    """
    if _FENCE_END in str(messages[-1].text):
        return
    instructions = [message for message in messages if isinstance(message, SystemMessage)]
    conversation = _conversation(messages)
    while conversation and (length := _length(conversation)) >= 2 * _FEWEST:
        conversation = _newest(conversation, length // 2)
        yield [*instructions, *conversation]


def _newest(conversation: list[BaseMessage], characters: int) -> list[BaseMessage]:
    last = conversation[-1]
    text = str(last.text)
    kept = [last if len(text) <= characters else last.model_copy(update={"content": text[-characters:]})]
    remaining = characters - len(text)
    for message in reversed(conversation[:-1]):
        remaining -= len(str(message.text))
        if remaining < 0:
            break
        kept.append(message)
    while len(kept) > 1 and isinstance(kept[-1], AIMessage):
        kept.pop()
    return kept[::-1]


def _conversation(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    return [message for message in messages if not isinstance(message, SystemMessage)]


def _length(messages: Sequence[BaseMessage]) -> int:
    return sum(len(str(message.text)) for message in messages)
