"""The SEM that comes with HEF."""

from __future__ import annotations

from pathlib import Path

from .onnx_sem import OnnxSem


def shipped_sem() -> OnnxSem:
    """Return the shipped SEM: MiniLM fine-tuned on EmpatheticDialogues, int8 (see MODEL_CARD.md)."""
    return OnnxSem(Path(__file__).parent / "model")
