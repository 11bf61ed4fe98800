"""Servers and chat templates that take no system message, or want the turns of a person and of the assistant in turn.

Their prompt is folded: the system message is the beginning of the person's first one, and neighbours of one role are
one message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ...contract.chat_model import ModelKey, model_key

_KIND = r"[\"'`]{0,2} (?:roles?|messages?|prompts?|instructions?)\b"
_REFUSED = r"\b(?:not|isn't|doesn't|unsupported|invalid|unknown|unexpected)\b"
_REFUSAL = re.compile(
    rf"\b(?:system|developer){_KIND}[^.\n]{{0,80}}{_REFUSED}"
    rf"|{_REFUSED}[^.\n]{{0,80}}\b(?:system|developer){_KIND}"
    rf"|{_REFUSED}[^.\n]{{0,40}}\brole\b[^.\n]{{0,40}}\bsystem\b"
    rf"|\brole\b[^.\n]{{0,60}}{_REFUSED}[^.\n]{{0,40}}\bsystem\b"
    r"|\bonly user[^.\n]{0,40}assistant[^.\n]{0,40}\broles?\b|\bshould be 'user' or 'assistant'"
    r"|\broles must alternate\b|\bfirst message must (?:be|use)\b",
    re.IGNORECASE,
)
"""What servers and chat templates say that refuse a system message or the order of roles."""
_READ_CHARACTERS = 2000
"""Characters of an error that are read."""

_FOLDED: set[ModelKey] = set()
"""Models that refused, in this process."""


def needs_folding(model: Any) -> bool:
    """Return whether a model refused a system message before."""
    return bool(_FOLDED) and model_key(model) in _FOLDED


def remember_refusal(model: Any) -> None:
    """Keep in this process that a model takes no system message."""
    _FOLDED.add(model_key(model))


def refuses_system_role(error: BaseException, messages: Sequence[BaseMessage]) -> bool:
    """Return whether an error says that the system message of a prompt, or the order of its roles, is not taken.

    An answer that could not be parsed is no refusal: the error quotes the answer, which the person may have led to.
    """
    if isinstance(error, OutputParserException):
        return False
    is_foldable = any(isinstance(message, SystemMessage) for message in messages)
    return is_foldable and bool(_REFUSAL.search(str(error)[:_READ_CHARACTERS]))


def fold(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a prompt without a system message, which begins with the person and in which the roles alternate."""
    system = "\n\n".join(str(message.text) for message in messages if isinstance(message, SystemMessage))
    folded: list[BaseMessage] = [HumanMessage(system)] if system else []
    for message in messages:
        if isinstance(message, SystemMessage):
            continue
        text = str(message.text)
        if folded and isinstance(message, AIMessage) == isinstance(folded[-1], AIMessage):
            text = f"{folded.pop().text}\n\n{text}"
        folded.append(AIMessage(text) if isinstance(message, AIMessage) else HumanMessage(text))
    return folded
