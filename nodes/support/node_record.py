"""Record of one run of a node: its calls of a chat model, their tokens, and the error that it suppressed."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

FIXED = "hef:fixed_text"
"""Tag of what looks to callbacks like the call of a chat model and says a text that stands fast."""
_log = logging.getLogger(__name__)


class NodeRecord(BaseCallbackHandler):
    """Record every call of a chat model that one node makes, in whatever thread.

    Prompts and answers are logged at DEBUG alone.
    """

    run_inline = True

    def __init__(self) -> None:
        self.calls = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.model: str | None = None
        """Name of the chat model, where it says so."""
        self.error: str | None = None
        """Class of the error that the node suppressed."""

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **kwargs: Any) -> None:
        """Count the call, unless it is of no model."""
        if FIXED in (kwargs.get("tags") or ()):
            return
        self.calls += 1
        self.model = (kwargs.get("metadata") or {}).get("ls_model_name") or self.model
        _log.debug("asked: %s", messages)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Add the tokens, where the chat model says how many there were."""
        _log.debug("answered: %s", response.generations)
        for generation in (candidate for candidates in response.generations for candidate in candidates):
            if usage := getattr(getattr(generation, "message", None), "usage_metadata", None):
                # An answer from LangChain's cache has the key `total_cost` alone where the model reports no tokens.
                self.input_tokens += usage.get("input_tokens", 0)
                self.output_tokens += usage.get("output_tokens", 0)


CURRENT_RECORD: ContextVar[NodeRecord | None] = ContextVar("hef_node_record", default=None)
"""The record of the node that is running."""
register_configure_hook(CURRENT_RECORD, inheritable=True)


def record_suppressed_error(error: Exception) -> None:
    """Record the error that a node suppresses; its text may quote the person, so it is logged at DEBUG alone."""
    _log.debug("left out", exc_info=error)
    if record := CURRENT_RECORD.get():
        record.error = type(error).__name__
