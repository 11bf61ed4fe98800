"""Between LangChain messages and the dialogue that SEMs and prompts see."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from ..contract import InputError, Turn


def dialogue_of(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return what was said: the person as speaker, the assistant as listener.

    System and tool messages are left out, and so is every message without text.
    """
    turns: list[Turn] = []
    for message in messages:
        if isinstance(message, HumanMessage | AIMessage) and (text := str(message.text)).strip():
            turns.append(Turn("speaker" if isinstance(message, HumanMessage) else "listener", text))
    return turns


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
    """Return what identifies this turn in its thread, stable within it and when it is resumed."""
    human = [message.id or "" for message in messages if isinstance(message, HumanMessage)]
    return f"{human[-1] if human else ''}:{len(dialogue_of(messages))}"


def input_fault(messages: Sequence[AnyMessage]) -> str:
    """Say what is odd about the end of the conversation; empty when nothing is."""
    last = next((m for m in reversed(messages) if isinstance(m, HumanMessage | AIMessage)), None)
    if isinstance(last, HumanMessage):
        return "" if str(last.text).strip() else "the last message is blank: the turns before it were read"
    if last is not None and str(last.text).strip():
        return "the conversation does not end with the person's turn: their last one was read"
    return ""
