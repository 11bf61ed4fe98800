"""The tool `recall_memories`: search what a person said in earlier conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool
from langgraph.prebuilt import ToolRuntime
from langgraph.store.base import BaseStore
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Memory, SetupError, as_context
from ..memory import arecall_turns, recall_turns

_DESCRIPTION = (
    "Recall what the person you talk with said in earlier conversations that bears on something. "
    "Use it when they refer to what you cannot see in this conversation, or ask what they told you."
)


class RecallArguments(BaseModel):
    """Arguments of `recall_memories`."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(
        description="What the memories should bear on, in the words they may have used, such as `their dog's illness`",
        min_length=1,
    )
    limit: int = Field(default=3, ge=1, le=50, description="How many at most")


class _Injected(RecallArguments):
    """The arguments, with what the host puts in and no model sees."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    runtime: ToolRuntime[Any, Any]


def recall_memories_tool(store: BaseStore | None = None, user_id: str | None = None) -> BaseTool:
    """Return the tool that searches one user's memory.

    Whose it is is no argument: an LLM cannot ask for another person's memories. What is not given here comes from the
    agent that runs the tool: its store, and the `user_id` of its context (see `hef.contract.as_context`) or
    of its config's `configurable`. Where a run names nobody, nothing is found.

    Its content has a line a memory; its artifact is the list of `Memory`. An agent without a store is a `SetupError`.
    """

    def recall_memories(query: str, limit: int = 3) -> tuple[str, list[Memory]]:
        return _told(recall_turns(_given(store), str(user_id), query, limit))

    async def arecall_memories(query: str, limit: int = 3) -> tuple[str, list[Memory]]:
        return _told(await arecall_turns(_given(store), str(user_id), query, limit))

    def recall_injected(query: str, runtime: ToolRuntime[Any, Any], limit: int = 3) -> tuple[str, list[Memory]]:
        person = user_id or _person(runtime)
        return _told(recall_turns(_given(store or runtime.store), person, query, limit) if person else [])

    async def arecall_injected(query: str, runtime: ToolRuntime[Any, Any], limit: int = 3) -> tuple[str, list[Memory]]:
        person = user_id or _person(runtime)
        return _told(await arecall_turns(_given(store or runtime.store), person, query, limit) if person else [])

    whole = store is not None and user_id is not None
    return StructuredTool.from_function(
        recall_memories if whole else recall_injected,
        arecall_memories if whole else arecall_injected,
        name="recall_memories",
        description=_DESCRIPTION,
        args_schema=RecallArguments if whole else _Injected,
        response_format="content_and_artifact",
    )


def _person(runtime: ToolRuntime[Any, Any]) -> str | None:
    """Return whom the run is about, by the rule of the graph's own nodes."""
    named = as_context(runtime.context).user_id or (runtime.config.get("configurable") or {}).get("user_id")
    return None if named is None else str(named)


def _given(store: BaseStore | None) -> BaseStore:
    if store is None:
        raise SetupError("recall_memories has no store: give it one, or give one to the agent that runs it")
    return store


def _told(found: Sequence[Memory]) -> tuple[str, list[Memory]]:
    lines = [f"{memory.text} (felt {memory.emotion})" if memory.emotion else memory.text for memory in found]
    return "\n".join(lines) or "nothing", list(found)
