"""Inference with an ONNX network and its tokenizer, in batches of similar length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract import Dialogue
from ...contract.cpu_inference import import_onnxruntime, open_session
from .encoding import DialogueEncoder, Encoded, pad

Array = NDArray[np.float32]
DISABLED_OPTIMIZERS = ["SkipLayerNormFusion"]
"""Optimisers of ONNX Runtime that slow inference down: the fused kernel takes five times as long on a CPU."""


class OnnxRunner:
    """Run the network of a SEM folder on the CPU.

    Args:
        folder: Contains `model.onnx` and `tokenizer.json`.
        max_tokens: The window, with special tokens.
        threads: Threads of ONNX Runtime; None means its default.
        batch_size: Dialogues per forward pass.
    """

    def __init__(self, folder: Path, max_tokens: int, *, threads: int | None = None, batch_size: int = 32) -> None:
        from tokenizers import Tokenizer

        self._session = open_session(folder / "model.onnx", threads=threads, disabled_optimizers=DISABLED_OPTIMIZERS)
        self._run_options = import_onnxruntime().RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._encoder = DialogueEncoder(Tokenizer.from_file(str(folder / "tokenizer.json")), max_tokens)
        self._batch_size = batch_size

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        """Return the token ids of dialogues."""
        return self._encoder.batch(dialogues)

    def run(self, encoded: Sequence[Encoded], *outputs: str) -> list[list[Array]]:
        """Return for each named output one array per dialogue; only what they need is computed.

        An output of [batch, tokens, …] includes the padding.
        """
        results: list[list[Any]] = [[None] * len(encoded) for _ in outputs]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            arrays: Any = self._session.run(outputs, pad([encoded[i] for i in batch]), self._run_options)
            for rows, array in zip(results, arrays, strict=True):
                for index, row in zip(batch, array, strict=True):
                    rows[index] = row
        return results
