"""The run that a node is part of: its settings, its thread, and the graph around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import Runtime

from ...contract import HefContext, HefState, as_context
from ...contract.user_identity import user_of_run

Update: TypeAlias = dict[str, Any]
"""What a node writes: state key -> value."""

NS_SEP, NS_END = "|", ":"
"""In a checkpoint namespace: between graph and subgraph, and between a node and the id of its task."""


class Node(Protocol):
    """A node: a plain function from state and runtime to an update of the state."""

    def __call__(self, state: HefState, runtime: Runtime[Any]) -> Update:
        """Return what the node writes."""
        ...


def run_settings(runtime: Runtime[Any]) -> HefContext:
    """Return the settings of this run; `user_id` may also be in the config's `configurable`.

    Raises:
        SetupError: The user id is none.
    """
    context = as_context(runtime.context)
    return context.model_copy(update={"user_id": user_of_run(context, _configurable())})


def thread_id() -> str | None:
    """Return the thread of this run, None without one."""
    thread = _configurable().get("thread_id")
    return None if thread is None else str(thread)


def is_served() -> bool:
    """Return whether a client of a LangGraph server started this run: only a server has assistants."""
    return _configurable().get("assistant_id") is not None


def can_pause() -> bool:
    """Return whether this run can be interrupted and resumed, which needs a checkpointer, HEF's or a parent's."""
    return _configurable().get(CONFIG_KEY_CHECKPOINTER) is not None


def parent_node_name() -> str | None:
    """Return the name of the parent's node that HEF runs in, None where HEF is not part of another graph."""
    namespace = str(_configurable().get("checkpoint_ns") or "")
    # A parent's node with several graphs numbers them: those parts are digits alone.
    parts = [part.partition(NS_END)[0] for part in namespace.split(NS_SEP) if not part.isdigit()]
    return parts[-2] if len(parts) > 1 else None


def _configurable() -> Mapping[str, Any]:
    return get_config().get("configurable") or {}
