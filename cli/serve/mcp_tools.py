"""What `hef mcp` offers: the tools, how they are shown, and the form of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel, Field

from ...contract import Cause, Memory, Reading
from ...sem import resolve_sem
from ...tools import recall_memories_tool, sem_causes_tool, sem_emotion_tool
from ..memory.open_memory import opened
from ..settings import Settings


class CausesAnswer(BaseModel):
    """What `sem_causes` answers."""

    causes: tuple[Cause, ...] = Field(description="The words that speak for the emotion, strongest first")


class MemoriesAnswer(BaseModel):
    """What `recall_memories` answers."""

    memories: list[Memory] = Field(description="Past turns of the person, the most relevant first")


@dataclass(frozen=True, slots=True)
class ServedTool:
    """One tool of the server."""

    title: str
    """What a person reads above it."""
    tool: BaseTool
    """Says its name, what it is for and what it takes."""
    answer: type[BaseModel]
    """The form of its structured answer."""
    structured: Callable[[Any], BaseModel]
    """From the tool's artifact to that form."""
    ready: Callable[[], AbstractContextManager[BaseTool]]
    """Gives the tool for one call."""

    def call(self, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the text of an answer, and the answer as JSON values."""
        with self.ready() as tool:
            call = {"name": tool.name, "args": arguments, "id": str(uuid4()), "type": "tool_call"}
            told: ToolMessage = tool.invoke(call)
        return str(told.text), self.structured(told.artifact).model_dump(mode="json")


def served_tools(settings: Settings) -> dict[str, ServedTool]:
    """Return the tools by name: those of the SEM, and where a user is named their memory."""
    sem = resolve_sem(settings.sem)
    emotion, causes = sem_emotion_tool(sem), sem_causes_tool(sem)
    offers = [
        ServedTool("Read emotion", emotion, Reading, Reading.model_validate, lambda: nullcontext(emotion)),
        ServedTool("Find cause words", causes, CausesAnswer, _causes, lambda: nullcontext(causes)),
    ]
    if settings.user is not None:
        shown = recall_memories_tool(InMemoryStore(), settings.user)
        offers.append(ServedTool("Recall memories", shown, MemoriesAnswer, _memories, lambda: _recalling(settings)))
    return {offer.tool.name: offer for offer in offers}


def _causes(found: tuple[Cause, ...]) -> CausesAnswer:
    return CausesAnswer(causes=found)


def _memories(found: list[Memory]) -> MemoriesAnswer:
    return MemoriesAnswer(memories=found)


@contextmanager
def _recalling(settings: Settings) -> Iterator[BaseTool]:
    """Open the memory for one call: a client keeps its server for hours, and a folder belongs to one process."""
    with opened(settings, embeds=True) as store:
        yield recall_memories_tool(store, settings.user)
