"""Tools of `hef mcp`, with the schemas of their answers."""

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
from ..memory.select_turns import open_memory
from ..settings import Settings


class CausesAnswer(BaseModel):
    """Answer of `sem_causes`."""

    causes: tuple[Cause, ...] = Field(description="The words that speak for the emotion, strongest first")


class MemoriesAnswer(BaseModel):
    """Answer of `recall_memories`."""

    memories: list[Memory] = Field(description="Past turns of the person, the most relevant first")


@dataclass(frozen=True, slots=True)
class ServedTool:
    """One tool of the server."""

    title: str
    """Title for people."""
    tool: BaseTool
    """Its name, description and parameters."""
    answer: type[BaseModel]
    """Schema of its structured answer."""
    from_artifact: Callable[[Any], BaseModel]
    """Converts the tool's artifact to that schema."""
    open: Callable[[], AbstractContextManager[BaseTool]]
    """Returns the tool for one call."""

    def call(self, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the text of an answer, and the answer as JSON values."""
        with self.open() as tool:
            call = {"name": tool.name, "args": arguments, "id": str(uuid4()), "type": "tool_call"}
            message: ToolMessage = tool.invoke(call)
        return str(message.text), self.from_artifact(message.artifact).model_dump(mode="json")


def served_tools(settings: Settings) -> dict[str, ServedTool]:
    """Return the tools by name: those of the SEM, and with a user the search of their memory."""
    sem = resolve_sem(settings.sem)
    emotion, causes = sem_emotion_tool(sem), sem_causes_tool(sem)
    tools = [
        ServedTool("Read emotion", emotion, Reading, Reading.model_validate, lambda: nullcontext(emotion)),
        ServedTool("Find cause words", causes, CausesAnswer, _causes, lambda: nullcontext(causes)),
    ]
    if settings.user is not None:
        definition = recall_memories_tool(InMemoryStore(), settings.user)
        tools.append(ServedTool("Recall memories", definition, MemoriesAnswer, _memories, lambda: _recall(settings)))
    return {served.tool.name: served for served in tools}


def _causes(causes: tuple[Cause, ...]) -> CausesAnswer:
    return CausesAnswer(causes=causes)


def _memories(memories: list[Memory]) -> MemoriesAnswer:
    return MemoriesAnswer(memories=memories)


@contextmanager
def _recall(settings: Settings) -> Iterator[BaseTool]:
    """Open the memory for one call: a client keeps its server for hours, and a folder belongs to one process."""
    with open_memory(settings, embeds=True) as store:
        yield recall_memories_tool(store, settings.user)
