"""A plain sentence encoder in PyTorch as a baseline for SEMs: mean pooling and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..contract import SetupError

WINDOW = 256
"""Maximum number of tokens."""


class PlainEncoder:
    """Encode texts with a Transformer in fp32: mean-pooled, unit length.

    Args:
        model: Folder or hub id of an encoder.
        threads: Threads of PyTorch; None is its default.
        batch_size: Texts per pass, sorted by length.

    Raises:
        SetupError: There is no such model.
    """

    def __init__(self, model: str, *, threads: int | None = None, batch_size: int = 32) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        if threads:
            torch.set_num_threads(threads)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            self._model = AutoModel.from_pretrained(model, dtype=torch.float32, trust_remote_code=False).eval()
        except (OSError, ValueError) as error:
            raise SetupError(f"no encoder at {model!r}: give a folder that holds one, or a hub id") from error
        self._batch_size = batch_size
        self.name = Path(model).name if Path(model).exists() else model
        """The hub id, or the name of the folder."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        import torch

        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        vectors: list[list[float]] = [[] for _ in texts]
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            inputs = self._tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=WINDOW, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            for row, vector in zip(rows, torch.nn.functional.normalize(pooled, dim=-1).tolist(), strict=True):
                vectors[row] = vector
        return vectors
