"""The tool `recall_memories`: search what a person said in earlier conversations."""

from __future__ import annotations

from langchain_core.tools import BaseTool, StructuredTool
from langgraph.store.base import BaseStore
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Memory
from ..memory import recall_turns


class RecallArguments(BaseModel):
    """Arguments of `recall_memories`."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(description="What the memories should bear on", min_length=1)
    limit: int = Field(default=3, ge=1, le=50, description="How many at most")


def recall_memories_tool(store: BaseStore, user_id: str) -> BaseTool:
    """Return the tool that searches one user's memory.

    The user is fixed here and not an argument: an LLM cannot ask for another person's memories.
    """

    def recall_memories(query: str, limit: int = 3) -> tuple[str, list[Memory]]:
        found = recall_turns(store, user_id, query, limit)
        lines = [f"{memory.text} (felt {memory.emotion})" if memory.emotion else memory.text for memory in found]
        return "\n".join(lines) or "nothing", found

    return StructuredTool.from_function(
        recall_memories,
        name="recall_memories",
        description="Recall what the person said in earlier conversations that bears on something.",
        args_schema=RecallArguments,
        response_format="content_and_artifact",
    )
