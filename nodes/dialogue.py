"""Between LangChain messages and the dialogue that SEMs and prompts see."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeGuard

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from ..contract import InputError, Turn


def dialogue_of(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return what was said: the person as speaker, the assistant as listener.

    System and tool messages are left out, and so is every message without text, and what an agent
    writes beside a tool call: "Transferring back to supervisor" was not said to the person.
    """
    return [
        Turn("speaker" if isinstance(message, HumanMessage) else "listener", str(message.text))
        for message in _spoken(messages)
    ]


def context_of(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return the dialogue up to the person's last turn.

    Raises:
        InputError: The person has not said anything yet.
    """
    turns = dialogue_of(messages)
    while turns and turns[-1].role == "listener":
        turns.pop()
    if not turns:
        raise InputError("there is nothing to answer: `messages` holds no human message with text")
    return turns


def turn_key(messages: Sequence[AnyMessage]) -> str:
    """Return what identifies this turn in its thread, stable within it and when it is resumed or replayed.

    It is what was said last before the person's message, not that message: a run that is replayed from its
    input gives that one a new id, and a fork may give it other words. A first message is known by its words.
    """
    places = [place for place, message in enumerate(messages) if isinstance(message, HumanMessage)]
    before = _spoken(messages[: places[-1]]) if places else []
    known = [*(messages[place] for place in places), *before][-1:]
    anchor = "".join(one.id if before and one.id else _hash(str(one.text)) for one in known)
    return f"{anchor}:{len(places)}:{len(_spoken(messages))}"


def input_fault(messages: Sequence[AnyMessage]) -> str:
    """Say what is odd about the end of the conversation; empty when nothing is."""
    last = next((message for message in reversed(messages) if _is_said(message)), None)
    if isinstance(last, HumanMessage):
        return "" if str(last.text).strip() else "the last message is blank: the turns before it were read"
    if last is not None and str(last.text).strip():
        return "the conversation does not end with the person's turn: their last one was read"
    return ""


def _spoken(messages: Sequence[AnyMessage]) -> list[HumanMessage | AIMessage]:
    return [message for message in messages if _is_said(message) and str(message.text).strip()]


def _is_said(message: AnyMessage) -> TypeGuard[HumanMessage | AIMessage]:
    return isinstance(message, HumanMessage) or (isinstance(message, AIMessage) and not message.tool_calls)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
