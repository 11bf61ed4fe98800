"""Prompts that are longer than an LLM's context window: which errors say so, and what is left out then.

Nobody knows the window of every server, so one is found by its error, and kept in this process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage

from ...contract.errors import http_status
from .model_key import ModelKey, model_key

_OVERFLOW = re.compile(
    r"context_length_exceeded|string_above_max_length"
    r"|\b(?:context|input|prompt|messages?)\b[^.\n]{0,60}\b(?:too long|too large|exceed(?:s|ed|ing)?)\b"
    r"|\bexceed(?:s|ed|ing)?\b[^.\n]{0,60}\b(?:context|tokens?\b(?! per))"
    r"|\bmaximum (?:context|input|prompt|number of (?:input )?tokens)\b|\btoo many (?:input )?tokens\b"
    r"|\bcontext (?:length|window|size)\b",
    re.IGNORECASE,
)
"""What servers say of a prompt that is too long."""
_REFUSALS = frozenset({None, 400, 413, 422})
"""Status of such an answer, where the error tells one."""
_READ_CHARACTERS = 2000
"""Characters of an error that are read."""
_FEWEST = 500
"""Characters of a conversation below which nothing more is left out."""

_WINDOWS: dict[ModelKey, int] = {}
"""Characters of conversation that were taken by models that had refused more, in this process."""


def overflows(error: BaseException) -> bool:
    """Return whether an error says that a prompt is longer than the LLM's context window."""
    if isinstance(error, ContextOverflowError):
        return True
    return http_status(error) in _REFUSALS and bool(_OVERFLOW.search(str(error)[:_READ_CHARACTERS]))


def known_window(model: Any) -> int | None:
    """Return how many characters of conversation a model took that had refused more; None where none has."""
    return _WINDOWS.get(model_key(model)) if _WINDOWS else None


def remember_window(model: Any, messages: Sequence[BaseMessage]) -> None:
    """Keep in this process that a model takes no more than the conversation of a prompt."""
    _WINDOWS[model_key(model)] = _length(_conversation(messages))


def shorter_prompts(messages: Sequence[BaseMessage]) -> Iterator[list[BaseMessage]]:
    """Yield a prompt with half of its conversation, with a quarter, and so on: the newest messages.

    System messages stay, and the conversation begins with the person. Of the last message, if it alone is too long, the
    beginning is left out.
    """
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
