"""A plain sentence encoder in PyTorch, to stand beside a SEM: mean pooling, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..contract import SetupError

WINDOW = 256
"""Tokens that are read at most."""


class PlainEncoder:
    """Encode texts with a Transformer in fp32: mean-pooled, unit length.

    Args:
        model: Folder or hub id of an encoder.
        threads: Threads of PyTorch; None leaves the choice to it.
        batch_size: Texts a pass, sorted by length.

    Raises:
        SetupError: There is no such model.
    """

    def __init__(self, model: str, *, threads: int | None = None, batch_size: int = 32) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        if threads:
            torch.set_num_threads(threads)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model)
            self._model = AutoModel.from_pretrained(model, dtype=torch.float32).eval()
        except (OSError, ValueError) as error:
            raise SetupError(f"no encoder at {model!r}: give a folder that holds one, or a hub id") from error
        self._batch_size = batch_size
        self.name = Path(model).name if Path(model).exists() else model
        """The hub id, or the folder's own name."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text."""
        import torch

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors: list[list[float]] = [[] for _ in texts]
        for start in range(0, len(order), self._batch_size):
            part = order[start : start + self._batch_size]
            inputs = self._tokenizer(
                [texts[place] for place in part], padding=True, truncation=True, max_length=WINDOW, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            for place, vector in zip(part, torch.nn.functional.normalize(pooled, dim=-1).tolist(), strict=True):
                vectors[place] = vector
        return vectors
