"""Whether an LLM's answer may begin with a line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables.base import RunnableBindingBase

from ...contract.chat_model import ChatModel, chat_models

_FORMS = ("response_format", "tools", "functions")
"""Settings of a call that give its answer another form."""
_STOPS = ("stop", "stop_sequences")
"""Fields of chat models with the texts at which an answer ends."""
_LIMITS, _ROOM = ("max_tokens", "max_completion_tokens", "max_output_tokens"), 60
"""Settings of a call that limit its answer, and the tokens from which on a line leaves room for a reply."""


def leaves_form_open(llm: ChatModel, settings: Mapping[str, Any]) -> bool:
    """Return whether there is room for a line, no other form is set, and no answer ends at a line's end.

    Args:
        llm: The LLM with its wrappers.
        settings: The settings of the run's reply.
    """
    bound: dict[str, Any] = {}
    inner: Any = llm
    while isinstance(inner, RunnableBindingBase):
        bound, inner = {**inner.kwargs, **bound}, inner.bound
    given = {**bound, **settings}
    ends = [given.get("stop"), *(getattr(model, name, None) for model in chat_models(llm) for name in _STOPS)]
    texts = [text for some in ends for text in ([some] if isinstance(some, str) else some or ())]
    is_cut = any(isinstance(text, str) and not text.strip() for text in texts)
    fields = [given, *(_own_settings(model) for model in chat_models(llm))]
    limits = [limit for own in fields for name in _LIMITS if isinstance(limit := own.get(name), int)]
    has_form = any(own.get(name) for own in fields for name in _FORMS)
    return not is_cut and min(limits, default=_ROOM) >= _ROOM and not has_form


def _own_settings(model: Any) -> dict[str, Any]:
    """Return the settings of each call that a chat model has itself."""
    limits = {name: limit for name in _LIMITS if isinstance(limit := getattr(model, name, None), int)}
    extra = getattr(model, "model_kwargs", None)
    return {**(extra if isinstance(extra, Mapping) else {}), **limits}
