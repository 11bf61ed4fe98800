"""LangChain messages as the dialogue that SEMs and prompts see."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from ...contract import InputError, Turn

MAX_TURNS = 128
"""Maximum number of turns considered; exceeds every SEM's window and the conversation that memory is searched for."""


def to_dialogue(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return what was said: the person as speaker, the assistant as listener.

    System and tool messages are left out, and so is every message without text, and what an agent
    writes beside a tool call: "Transferring back to supervisor" was not said to the person.
    """
    return [turn for message in messages if (turn := _turn(message)) is not None]


def dialogue_context(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return the dialogue up to the person's last turn.

    Raises:
        InputError: The person has not said anything yet.
    """
    turns = to_dialogue(messages)
    while turns and turns[-1].role == "listener":
        turns.pop()
    if not turns:
        raise InputError("there is nothing to answer: `messages` holds no human message with text")
    return turns


def recent_dialogue(messages: Sequence[AnyMessage], characters: int) -> tuple[list[Turn], int]:
    """Return the end of the dialogue up to the person's last turn, and how many turns came before.

    It holds the last `MAX_TURNS` turns and the last `characters` characters: nobody reads further back, and a turn
    costs the same however long the thread is.

    Raises:
        InputError: The person has not said anything yet.
    """
    turns: list[Turn] = []
    for index in range(len(messages) - 1, -1, -1):
        turn = _turn(messages[index])
        if turn is None or (not turns and turn.role == "listener"):
            continue
        if len(turns) >= MAX_TURNS and characters <= 0:
            return turns[::-1], count_turns(messages[: index + 1])
        turns.append(turn)
        characters -= len(turn.text)
    return turns[::-1] or dialogue_context(messages), 0


def count_turns(messages: Sequence[AnyMessage], *roles: type[AnyMessage]) -> int:
    """Return how many turns were said, by the person or the assistant alone where their message's type is given."""
    kinds = roles or (HumanMessage, AIMessage)
    return sum(
        isinstance(message, kinds) and _is_said(message) and bool(_text(message).strip()) for message in messages
    )


def last_human_index(messages: Sequence[AnyMessage]) -> int:
    """Return the index of the person's last message, -1 where there is none."""
    return next((index for index in range(len(messages) - 1, -1, -1) if isinstance(messages[index], HumanMessage)), -1)


def last_human_id(messages: Sequence[AnyMessage]) -> str:
    """Return the id of the person's last message, empty where there is none."""
    index = last_human_index(messages)
    return "" if index < 0 else messages[index].id or ""


def turn_key(messages: Sequence[AnyMessage]) -> str:
    """Return what identifies this turn in its thread, stable within it and when it is resumed or replayed.

    It is the last thing said before the person's message, not that message: a run that is replayed from its
    input gives that one a new id, and a fork may give it other words. A first message is known by its words.
    """
    last = max(last_human_index(messages), 0)
    people = sum(isinstance(message, HumanMessage) for message in messages)
    before = next((messages[index] for index in range(last - 1, -1, -1) if _turn(messages[index]) is not None), None)
    anchor_message = before or (messages[last] if people else None)
    if anchor_message is None:
        anchor = ""
    else:
        anchor = before.id if before and before.id else _hash(_text(anchor_message))
    return f"{anchor}:{people}:{count_turns(messages)}"


def input_fault(messages: Sequence[AnyMessage]) -> str:
    """Return what is odd about the end of the conversation; empty when nothing is."""
    last = next((message for message in reversed(messages) if _is_said(message)), None)
    if isinstance(last, HumanMessage):
        return "" if _text(last).strip() else "the last message is blank: the turns before it were read"
    if last is not None and _text(last).strip():
        return "the conversation does not end with the person's turn: their last one was read"
    return ""


def _turn(message: AnyMessage) -> Turn | None:
    if _is_said(message) and (text := _text(message)).strip():
        return Turn("speaker" if isinstance(message, HumanMessage) else "listener", text)
    return None


def _is_said(message: AnyMessage) -> bool:
    return isinstance(message, HumanMessage) or (isinstance(message, AIMessage) and not message.tool_calls)


def _text(message: AnyMessage) -> str:
    # `text` makes an object of its own type; a thread may have thousands.
    return message.content if isinstance(message.content, str) else str(message.text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
