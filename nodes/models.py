"""The LLM of a run: the graph's own, or another one that the settings name."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from ..contract import HefContext, SetupError
from ..llm import resolve_model

RETRY = RetryPolicy(max_attempts=3)
"""How often a node that waits on an LLM tries again after a transient error."""


def pick(own: BaseChatModel, settings: HefContext) -> BaseChatModel:
    """Return the LLM of this run.

    Raises:
        SetupError: The settings name an LLM that there is not.
    """
    return resolve_model(settings.model) if settings.model else own


async def apick(own: BaseChatModel, settings: HefContext) -> BaseChatModel:
    """Return the LLM of this run; finding another one does not block."""
    return await asyncio.to_thread(pick, own, settings) if settings.model else own


def fault_of(error: Exception, runtime: Runtime[Any], doing: str) -> str:
    """Return the fault of a failed LLM call, or raise what must not be swallowed.

    Wrong settings and interrupts are raised, and so is a transient error as long as the node's
    retry policy has tries left.
    """
    if isinstance(error, GraphBubbleUp | SetupError):
        raise error
    attempt = runtime.execution_info.node_attempt if runtime.execution_info else RETRY.max_attempts
    if _transient(error) and attempt < RETRY.max_attempts:
        raise error
    return f"the LLM could not {doing}: {error}"


def _transient(error: Exception) -> bool:
    retry_on = RETRY.retry_on
    return bool(retry_on(error)) if callable(retry_on) and not isinstance(retry_on, type) else False
