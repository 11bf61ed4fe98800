"""Small-scale empathetic models (SEMs): what they are, the shipped one, and plugins."""

from __future__ import annotations

from .hf_sem import HfSem
from .onnx_sem import OnnxSem
from .plugins import installed_sems, resolve_sem
from .protocol import EmbeddingSem, Sem, SemDescription
from .shipped import shipped_sem
from .taxonomy import EMPATHETIC_DIALOGUES, Taxonomy

__all__ = [
    "EMPATHETIC_DIALOGUES",
    "EmbeddingSem",
    "HfSem",
    "OnnxSem",
    "Sem",
    "SemDescription",
    "Taxonomy",
    "installed_sems",
    "resolve_sem",
    "shipped_sem",
]
