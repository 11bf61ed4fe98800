"""The LLM of a run: the graph's own, or another one that the settings name; and how it may fail."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from ...contract import HefContext, HefError, SetupError
from ...llm import resolve_model
from ..support.telemetry import record_suppressed_error

_RETRYABLE_STATUS = frozenset({408, 425, 429})
"""Status codes below 500 that another try may get past."""
_CONNECTION_ERRORS = frozenset(
    {"TransportError", "APIConnectionError", "Timeout", "ConnectionError", "ChunkedEncodingError"}
)
"""Classes of httpx, of the SDKs built on it and of requests that mean a broken or slow connection."""
_SAID = 200
"""Characters of an error's text that are passed on."""


def is_transient(error: BaseException) -> bool:
    """Say whether another try may succeed: a timeout, a broken connection, a busy or broken server.

    Nothing is imported to know an SDK's errors: they are told by their status code, else by the
    names of their classes, and so is what caused them.
    """
    if isinstance(error, HefError | GraphBubbleUp):
        return False
    if (status := _status(error)) is not None:
        return status in _RETRYABLE_STATUS or status >= 500
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if _CONNECTION_ERRORS & {kind.__name__ for kind in type(error).__mro__}:
        return True
    return error.__cause__ is not None and is_transient(error.__cause__)


RETRY = RetryPolicy(max_attempts=3, retry_on=is_transient)
"""How often a node that waits on an LLM tries again after a transient error."""


def llm_for_run(own: BaseChatModel, settings: HefContext) -> BaseChatModel:
    """Return the LLM of this run.

    Raises:
        SetupError: The settings name an LLM that there is not.
    """
    return resolve_model(settings.model) if settings.model else own


async def allm_for_run(own: BaseChatModel, settings: HefContext) -> BaseChatModel:
    """Return the LLM of this run; finding another one does not block."""
    return await asyncio.to_thread(llm_for_run, own, settings) if settings.model else own


def fault_or_raise(error: Exception, runtime: Runtime[Any], doing: str) -> str:
    """Return the fault of a failed LLM call, or raise what must not be swallowed.

    Wrong settings and interrupts are raised, and so is a transient error as long as the node's
    retry policy has tries left.
    """
    attempt = runtime.execution_info.node_attempt if runtime.execution_info else RETRY.max_attempts
    if isinstance(error, GraphBubbleUp | SetupError) or (is_transient(error) and attempt < RETRY.max_attempts):
        raise error
    record_suppressed_error(error)
    return f"the LLM could not {doing}: {reason(error)}"


def must_propagate(error: Exception) -> bool:
    """Say whether asking the LLM in another way cannot help, or must wait for another try."""
    return isinstance(error, GraphBubbleUp | SetupError) or is_transient(error)


def reason(error: Exception) -> str:
    """Return what an error says, in one line; its class where it says nothing."""
    said = " ".join(str(error).split())
    return f"{said[:_SAID]}…" if len(said) > _SAID else said or type(error).__name__


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, as those of httpx, requests and the SDKs do."""
    response = getattr(error, "response", None)
    found = (getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "code", None))
    return next((int(held) for held in found if isinstance(held, int)), None)
