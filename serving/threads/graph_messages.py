"""A transcript as the graph's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from ..chat_request import ChatMessage
from .transcript_prints import digest


def graph_messages(messages: Sequence[ChatMessage]) -> list[AnyMessage]:
    """Return a transcript as LangChain messages; the same transcript has the same ids."""
    return [_graph_message(index, message) for index, message in enumerate(messages)]


def _graph_message(index: int, message: ChatMessage) -> AnyMessage:
    content: Any = message.text
    if message.images:
        part: Mapping[str, Any] = {"type": "image_url", "image_url": {"url": "data:,"}}
        content = [{"type": "text", "text": message.text}, *[part] * message.images]
    settings: dict[str, Any] = {"id": digest(index, message.role, message.text, message.name)}
    match message.role:
        case "system":
            return SystemMessage(content, **settings)
        case "assistant":
            return AIMessage(content, **settings)
        case _:
            return HumanMessage(content, name=message.name, **settings)
