"""The LLM: the embedded default, a local transformers model, or any LangChain chat model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..contract.chat_model import ChatModel, ChoiceScorer, ReplyScorer, draft_form, model_name
    from .local_chat import LocalChat
    from .resolve import resolve_model
    from .scoring import calibrated
    from .weights.embedded_weights import prepare_embedded

__all__ = [
    "ChatModel",
    "ChoiceScorer",
    "LocalChat",
    "ReplyScorer",
    "calibrated",
    "draft_form",
    "model_name",
    "prepare_embedded",
    "resolve_model",
]

_MODULES = {
    "ChatModel": "..contract.chat_model",
    "ChoiceScorer": "..contract.chat_model",
    "LocalChat": ".local_chat",
    "ReplyScorer": "..contract.chat_model",
    "calibrated": ".scoring",
    "draft_form": "..contract.chat_model",
    "model_name": "..contract.chat_model",
    "prepare_embedded": ".weights.embedded_weights",
    "resolve_model": ".resolve",
}


def __getattr__(name: str) -> Any:
    """Import an exported name at its first use, so that importing the package is cheap."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
