"""The LLM: the embedded default, any local transformers model, or any chat model of LangChain."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .local_chat import LocalChat
    from .resolve import model_name, resolve_model
    from .scoring import ChoiceScorer, ReplyScorer, calibrated
    from .weights.embedded_weights import prepare_embedded

__all__ = [
    "ChoiceScorer",
    "LocalChat",
    "ReplyScorer",
    "calibrated",
    "model_name",
    "prepare_embedded",
    "resolve_model",
]

_HOMES = {
    "ChoiceScorer": "scoring",
    "LocalChat": "local_chat",
    "ReplyScorer": "scoring",
    "calibrated": "scoring",
    "model_name": "resolve",
    "prepare_embedded": "weights.embedded_weights",
    "resolve_model": "resolve",
}


def __getattr__(name: str) -> Any:
    """Import an exported name at its first use, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
