"""Tasks that front ends send to the address of the chat: titles, tags, summaries. No person says them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..contract.chat_model import ChatModel
    from ..sem import Sem
    from .chat_request import ChatRequest

TaskKind: TypeAlias = Literal[
    "title", "tags", "follow_ups", "queries", "emoji", "autocomplete", "summary", "expression", "other"
]


@dataclass(frozen=True, slots=True)
class Task:
    """A request that no person made."""

    kind: TaskKind
    """What is asked for."""


def recognize_task(request: ChatRequest, headers: Mapping[str, str]) -> Task | None:
    """Return the task that a request is, None where a person speaks.

    Args:
        request: What the client sent.
        headers: Its headers; names are lower-case, or the mapping ignores case.
    """
    return None


async def answer_task(task: Task, request: ChatRequest, *, model: ChatModel, sem: Sem) -> AsyncIterator[str]:
    """Yield the answer in pieces: by the LLM without HEF's prompt, of an expression by the SEM.

    Nothing is read, recalled or remembered.

    Raises:
        ModelError: The LLM failed.
    """
    raise NotImplementedError
    yield ""
