"""Which conversation a request continues, and which turn of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from ..contract import Empathy
from .chat_request import ChatMessage


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """What is to be done for a request; as a context manager it holds the turn's lock."""

    thread_id: str
    """Id of the conversation for checkpointer and memory."""
    messages: list[AnyMessage]
    """Input of the graph."""
    answered: str | None = None
    """The reply, where the same request was answered before."""
    empathy: Empathy | None = None
    """What was understood then."""

    async def __aenter__(self) -> TurnPlan:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Conversations:
    """Conversations that are kept nowhere: each request holds its own."""

    async def open(
        self, *, person: str | None, character: str | None, chat_id: str | None, messages: Sequence[ChatMessage]
    ) -> TurnPlan:
        """Return what is to be done for a request."""
        classes: dict[str, type[HumanMessage] | type[AIMessage] | type[SystemMessage]] = {
            "user": HumanMessage,
            "assistant": AIMessage,
            "system": SystemMessage,
        }
        said = [classes[message.role](message.text, name=message.name) for message in messages]
        return TurnPlan(str(uuid4()), [*said])
