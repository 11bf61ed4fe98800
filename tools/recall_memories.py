"""The tool `recall_memories`: search what a person said in earlier conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.tools import BaseTool, StructuredTool
from langgraph.prebuilt import ToolRuntime
from langgraph.store.base import BaseStore
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Memory, SetupError, as_context, as_user_id
from ..contract.user_identity import user_of_run
from ..memory import arecall_turns, recall_turns
from ..prompts import felt, quoted, speaker_name

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


class _InjectedArguments(RecallArguments):
    """The arguments, with the runtime that the host injects and no model sees."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    runtime: ToolRuntime[Any, Any]


def recall_memories_tool(
    store: BaseStore | None = None, user_id: str | int | UUID | None = None, character: str | None = None
) -> BaseTool:
    """Return the tool that searches one user's memory, of talks with one character or with none.

    The user is not an argument of the tool: an LLM cannot ask for another person's memories. What is not given here
    comes from the agent that runs the tool: its store, the `character` of its context (see
    `hef.contract.as_context`), and the `user_id` of that or of its config's `configurable`. Where a run names nobody,
    nothing is found. With a store and a user given the run is not asked.

    Its content has one line per memory, cut to 300 characters; its artifact is the list of `Memory`. An agent without
    a store is a `SetupError`.
    """
    given_user = None if user_id is None else as_user_id(user_id)

    def recall_memories(query: str, limit: int = 3) -> tuple[str, list[Memory]]:
        return _result(recall_turns(_require_store(store), str(given_user), query, limit, character=character))

    async def arecall_memories(query: str, limit: int = 3) -> tuple[str, list[Memory]]:
        return _result(await arecall_turns(_require_store(store), str(given_user), query, limit, character=character))

    def recall_injected(query: str, runtime: ToolRuntime[Any, Any], limit: int = 3) -> tuple[str, list[Memory]]:
        user, whose = given_user or _user(runtime), character or as_context(runtime.context).character
        if not user:
            return _result([])
        used_store = _require_store(store or runtime.store)
        return _result(recall_turns(used_store, user, query, limit, character=whose))

    async def arecall_injected(query: str, runtime: ToolRuntime[Any, Any], limit: int = 3) -> tuple[str, list[Memory]]:
        user, whose = given_user or _user(runtime), character or as_context(runtime.context).character
        if not user:
            return _result([])
        used_store = _require_store(store or runtime.store)
        return _result(await arecall_turns(used_store, user, query, limit, character=whose))

    is_bound = store is not None and given_user is not None
    return StructuredTool.from_function(
        recall_memories if is_bound else recall_injected,
        arecall_memories if is_bound else arecall_injected,
        name="recall_memories",
        description=_DESCRIPTION,
        args_schema=RecallArguments if is_bound else _InjectedArguments,
        response_format="content_and_artifact",
    )


def _user(runtime: ToolRuntime[Any, Any]) -> str | None:
    """Return the user of a run, by the rule of the graph's own nodes."""
    return user_of_run(as_context(runtime.context), runtime.config.get("configurable") or {})


def _require_store(store: BaseStore | None) -> BaseStore:
    if store is None:
        raise SetupError("recall_memories has no store: give it one, or give one to the agent that runs it")
    return store


def _result(memories: Sequence[Memory]) -> tuple[str, list[Memory]]:
    names = [f"{name}: " if (name := speaker_name(memory)) else "" for memory in memories]
    lines = [f"{name}{quoted(it.text)}{felt(it.emotion)}" for name, it in zip(names, memories, strict=True)]
    return "\n".join(lines) or "nothing", list(memories)
