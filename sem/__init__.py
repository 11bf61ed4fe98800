"""Small-scale empathetic models (SEMs): the protocol, the shipped SEM, and plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conformance import check_sem
from .plugins.ensemble_sem import EnsembleSem
from .plugins.hf_sem import GOEMOTIONS_TO_EMPATHETIC_DIALOGUES, HfSem
from .plugins.lexicon_sem import LexiconSem
from .protocol import EmbeddingSem, Sem, SemDescription
from .registry import installed_sems, resolve_sem, shipped_sem
from .runtime.large_sem import LargeSem
from .runtime.onnx_sem import OnnxSem
from .taxonomy import EMPATHETIC_DIALOGUES, Taxonomy

if TYPE_CHECKING:
    from .plugins.http_sem import HttpSem
    from .plugins.llm_sem import LlmSem

__all__ = [
    "EMPATHETIC_DIALOGUES",
    "GOEMOTIONS_TO_EMPATHETIC_DIALOGUES",
    "EmbeddingSem",
    "EnsembleSem",
    "HfSem",
    "HttpSem",
    "LargeSem",
    "LexiconSem",
    "LlmSem",
    "OnnxSem",
    "Sem",
    "SemDescription",
    "Taxonomy",
    "check_sem",
    "installed_sems",
    "resolve_sem",
    "shipped_sem",
]


def __getattr__(name: str) -> Any:
    """Import lazily what loads LangChain or an HTTP client."""
    if name == "LlmSem":
        from .plugins.llm_sem import LlmSem

        return LlmSem
    if name == "HttpSem":
        from .plugins.http_sem import HttpSem

        return HttpSem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
