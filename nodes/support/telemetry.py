"""What is seen of one node's work from outside it: the tokens its LLM used, and the error it went on without."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

_log = logging.getLogger(__name__)


class Observation(BaseCallbackHandler):
    """Hear every call of a chat model that one node makes, in whatever thread.

    What was asked and answered is logged at DEBUG alone.
    """

    run_inline = True

    def __init__(self) -> None:
        self.calls = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.model: str | None = None
        """Name of the chat model, where it says so."""
        self.error: str | None = None
        """Class of the error that the node went on without."""

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **about: Any) -> None:
        """Count the call."""
        self.calls += 1
        self.model = (about.get("metadata") or {}).get("ls_model_name") or self.model
        _log.debug("asked: %s", messages)

    def on_llm_end(self, response: LLMResult, **about: Any) -> None:
        """Add the tokens, where the chat model says how many there were."""
        _log.debug("answered: %s", response.generations)
        for generation in (one for several in response.generations for one in several):
            if usage := getattr(getattr(generation, "message", None), "usage_metadata", None):
                self.input_tokens += usage["input_tokens"]
                self.output_tokens += usage["output_tokens"]


OBSERVED: ContextVar[Observation | None] = ContextVar("hef_observed", default=None)
"""The observation of the node that is running."""
register_configure_hook(OBSERVED, inheritable=True)


def record_suppressed_error(error: Exception) -> None:
    """Note the error that a node goes on without; its text may quote the person, so it is logged at DEBUG alone."""
    _log.debug("left out", exc_info=error)
    if seen := OBSERVED.get():
        seen.error = type(error).__name__
