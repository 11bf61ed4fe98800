"""What nodes share of the run: its settings, its events, and what went wrong in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

from langchain_core.runnables import RunnableLambda
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import Runtime, get_runtime

from ...contract import Empathy, HefContext, HefState, as_context

Update: TypeAlias = dict[str, Any]

NS_SEP, NS_END = "|", ":"
"""In a checkpoint namespace: between graph and subgraph, and between a node and the id of its task."""


class Node(Protocol):
    """A node: a plain function from state and runtime to an update of the state."""

    def __call__(self, state: HefState, runtime: Runtime[Any]) -> Update:
        """Return what the node writes."""
        ...


AsyncNode: TypeAlias = Callable[[HefState, Runtime[Any]], Awaitable[Update]]


def run_settings(runtime: Runtime[Any]) -> HefContext:
    """Return the settings of this run; `user_id` may also stand in the config's `configurable`."""
    context = as_context(runtime.context)
    if context.user_id is None and (user := _configurable().get("user_id")):
        return context.model_copy(update={"user_id": str(user)})
    return context


def thread_id() -> str | None:
    """Return the thread of this run, None without one."""
    thread = _configurable().get("thread_id")
    return None if thread is None else str(thread)


def can_pause() -> bool:
    """Say whether this run can be interrupted and resumed, which needs a checkpointer, HEF's or a parent's."""
    return _configurable().get(CONFIG_KEY_CHECKPOINTER) is not None


def parent_node_name() -> str | None:
    """Return the name of the parent's node that HEF runs in, None where HEF is no part of another graph."""
    namespace = str(_configurable().get("checkpoint_ns") or "")
    # A parent's node with several graphs numbers them: those parts are digits alone.
    parts = [part.partition(NS_END)[0] for part in namespace.split(NS_SEP) if not part.isdigit()]
    return parts[-2] if len(parts) > 1 else None


def emit(runtime: Runtime[Any], kind: str, round: int = 0, **data: object) -> None:
    """Write one custom stream event `{"hef": kind, "round": n, …}`."""
    runtime.stream_writer({"hef": kind, "round": round, **data})


def summarise_faults(faults: Mapping[str, str] | None) -> str | None:
    """Return all faults of the turn in one text, None when there is none."""
    return "; ".join(dict.fromkeys(text for text in (faults or {}).values() if text)) or None


def emit_decision(runtime: Runtime[Any], empathy: Empathy) -> None:
    """Write the stream event of a decision."""
    emit(
        runtime,
        "decision",
        empathy.requeries,
        emotion=empathy.emotion,
        stage=empathy.stage,
        distribution=empathy.distribution,
    )


def dual_mode_node(node: Node, anode: AsyncNode) -> RunnableLambda[HefState, Update]:
    """Return one node with a sync and an async form, for nodes that wait on an LLM."""

    def call(state: HefState) -> Update:
        return node(state, get_runtime())

    call.__doc__ = node.__doc__

    async def acall(state: HefState) -> Update:
        return await anode(state, get_runtime())

    return RunnableLambda(call, afunc=acall, name=getattr(node, "__name__", None))


def _configurable() -> Mapping[str, Any]:
    return get_config().get("configurable") or {}
