"""The network of a SEM folder, run on token ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract import Dialogue, SetupError
from ...contract.cpu_inference import cpu_cores, import_onnxruntime, open_session
from .encoding import DialogueEncoder, Encoded, pad
from .manifest import REINSTALL
from .packed_weights import WEIGHTS, unpack_weights

Array = NDArray[np.float32]
DISABLED_OPTIMIZERS = ["SkipLayerNormFusion"]
"""Optimisers of ONNX Runtime that slow inference down: the fused kernel takes five times as long on a CPU."""


class OnnxRunner:
    """Run the network of a SEM folder on the CPU, in as many threads at once as there are cores.

    Each run at once needs 20 MB and more; those that no core is left for wait, as they would be done no sooner.

    Args:
        folder: Contains `model.onnx` and `tokenizer.json`.
        max_tokens: The window, with special tokens.
        threads: Threads of ONNX Runtime; None means its default.
        batch_size: Dialogues per forward pass.
        has_packed_weights: Whether the network's matrices are in `weights.npz`.

    Raises:
        SetupError: The network or the tokenizer cannot be loaded.
    """

    def __init__(
        self,
        folder: Path,
        max_tokens: int,
        *,
        threads: int | None = None,
        batch_size: int = 32,
        has_packed_weights: bool = False,
    ) -> None:
        from tokenizers import Tokenizer

        try:
            network = folder / "model.onnx"
            packed = unpack_weights(folder / WEIGHTS) if has_packed_weights else None
            self._session = open_session(
                network, threads=threads, disabled_optimizers=DISABLED_OPTIMIZERS, weights=packed
            )
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # what ONNX Runtime and the tokenizers library raise has no narrower base
            raise SetupError(f"the SEM in {folder} cannot be loaded: {error}; {REINSTALL}") from error
        self._run_options = import_onnxruntime().RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._max_tokens = max_tokens
        self._encoders = {max_tokens: DialogueEncoder(tokenizer, max_tokens)}
        self._batch_size = batch_size
        self._free_cores = BoundedSemaphore(max(1, cpu_cores() // (threads or 1)))

    def encode(self, dialogues: Sequence[Dialogue], max_tokens: int | None = None) -> list[Encoded]:
        """Return the token ids of dialogues, of each its last ones within a window; None means the runner's."""
        window = max_tokens or self._max_tokens
        if window not in self._encoders:
            self._encoders[window] = DialogueEncoder(self._encoders[self._max_tokens].tokenizer, window)
        return self._encoders[window].batch(dialogues)

    def run(self, encoded: Sequence[Encoded], *outputs: str) -> list[list[Array]]:
        """Return for each named output one array per dialogue; only what they need is computed.

        An output of [batch, tokens, …] includes the padding.
        """
        results: list[list[Any]] = [[None] * len(encoded) for _ in outputs]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            inputs = pad([encoded[i] for i in batch])
            with self._free_cores:
                arrays: Any = self._session.run(outputs, inputs, self._run_options)
            for rows, array in zip(results, arrays, strict=True):
                for index, row in zip(batch, array, strict=True):
                    rows[index] = row
        return results
