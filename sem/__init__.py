"""Small-scale empathetic models (SEMs): what they are, the shipped one, and plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conformance import check_sem
from .plugins.ensemble_sem import EnsembleSem
from .plugins.hf_sem import GOEMOTIONS_TO_EMPATHETIC_DIALOGUES, HfSem
from .plugins.lexicon_sem import LexiconSem
from .protocol import EmbeddingSem, Sem, SemDescription
from .registry import installed_sems, resolve_sem
from .runtime.onnx_sem import OnnxSem
from .runtime.shipped import shipped_sem
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
    """Import when it is asked for what loads LangChain or an HTTP client, which the others do without."""
    if name == "LlmSem":
        from .plugins.llm_sem import LlmSem

        return LlmSem
    if name == "HttpSem":
        from .plugins.http_sem import HttpSem

        return HttpSem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
