"""Small-scale empathetic models (SEMs): what they are, the shipped one, and plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import check_sem
from .ensemble_sem import EnsembleSem
from .hf_sem import GOEMOTIONS_TO_EMPATHETIC_DIALOGUES, HfSem
from .lexicon_sem import LexiconSem
from .onnx_sem import OnnxSem
from .plugins import installed_sems, resolve_sem
from .protocol import EmbeddingSem, Sem, SemDescription
from .shipped import shipped_sem
from .taxonomy import EMPATHETIC_DIALOGUES, Taxonomy

if TYPE_CHECKING:
    from .http_sem import HttpSem
    from .llm_sem import LlmSem

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
        from .llm_sem import LlmSem

        return LlmSem
    if name == "HttpSem":
        from .http_sem import HttpSem

        return HttpSem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
