"""The conversation as a chat model gets it: the host's instructions, and what was said as chat messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage

from ...contract import Turn
from ...contract.dialogue import Role
from ...prompts import one_line
from .message_text import message_role, message_text

_SYSTEM_ROLES = frozenset({"system", "developer"})
"""Roles of a `ChatMessage` in which a host gives instructions."""
MAX_NAME_CHARACTERS = 64
"""Longest name that providers take."""
_ID = re.compile(
    r"(?:user[-_:])?(?:[0-9a-f]{24,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{15,64}|[0-9A-HJKMNP-TV-Z]{26})",
    re.IGNORECASE,
)
"""What front ends send as a name that nobody is called by: hexadecimal digits, a UUID, a number, a ULID."""
_INVALID_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class _Utterance:
    role: Role
    text: str
    name: str = ""


def host_instructions(messages: Sequence[AnyMessage]) -> str:
    """Return the host's own system messages as they stand, all of them in order, a blank line between.

    One that a host sends with every turn, so that its thread holds it many times, is told once.
    """
    texts = (str(message.text).strip() for message in messages if is_instruction(message))
    return "\n\n".join(filter(None, dict.fromkeys(texts)))


def chat_messages(messages: Sequence[AnyMessage], shown: Sequence[Turn]) -> list[BaseMessage]:
    """Return what was said as chat messages, which end with the person's last turn.

    What one person says in a row is one message. A name stays with its message, as providers take it; where several
    people with names speak, it also begins the text, since many models are not shown names. An id is no name.

    Args:
        messages: The conversation.
        shown: The newest turns of it that fit the prompt, see `prompts.newest`.
    """
    utterances = _utterances(messages, shown)
    utterances = [replace(utterance, name=shown_name(utterance.name)) for utterance in utterances]
    if len({utterance.name for utterance in utterances if utterance.name}) > 1:
        utterances = [
            replace(utterance, text=f"{one_line(utterance.name)[:MAX_NAME_CHARACTERS]}: {utterance.text}")
            if utterance.name
            else utterance
            for utterance in utterances
        ]
    return [
        HumanMessage(utterance.text, name=name_for_providers(utterance.name))
        if utterance.role == "speaker"
        else AIMessage(utterance.text)
        for utterance in utterances
    ]


def shown_name(name: str) -> str:
    """Return a name that may be shown; empty for an id, which tells people apart and means nothing to a reader."""
    return "" if _ID.fullmatch(name.strip()) else name


def name_for_providers(name: str) -> str | None:
    """Return a name in the characters that providers take; None where nothing of it is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _INVALID_IN_NAME.sub("_", ascii_name).strip("_")[:MAX_NAME_CHARACTERS] or None


def _utterances(messages: Sequence[AnyMessage], shown: Sequence[Turn]) -> list[_Utterance]:
    """Return the shown turns, those of several people in a row apart."""
    utterances: list[_Utterance] = []
    turns, remaining = 0, 0
    for message in reversed(messages):
        role = message_role(message)
        text = message_text(message) if role else ""
        if role is None or not text.strip() or (not utterances and role == "listener"):
            continue
        if not (role == "speaker" and utterances and utterances[-1].role == "speaker"):
            if turns == len(shown):
                break
            turns += 1
            remaining = len(shown[-turns].text)
        # Of a last turn that is longer than the limit alone the end is shown.
        text = Turn(role, text).text[-remaining:] if remaining > 0 else ""
        remaining -= len(text) + 1
        if not text.strip():
            continue
        name = (message.name or "").strip() if role == "speaker" else ""
        if role == "speaker" and utterances and utterances[-1].role == role and utterances[-1].name == name:
            text = f"{text}\n{utterances.pop().text}"
        utterances.append(_Utterance(role, text, name))
    return utterances[::-1]


def is_instruction(message: AnyMessage) -> bool:
    """Return whether a message is an instruction of the host's."""
    if isinstance(message, ChatMessage):
        return message.role.strip().lower() in _SYSTEM_ROLES
    return isinstance(message, SystemMessage)
