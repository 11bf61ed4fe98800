"""The embedded model on ONNX Runtime: a folder with a `model.onnx` as `llama_graph` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...contract import ModelError
from ...contract.cpu_inference import import_onnxruntime, open_session
from .backend import Array
from .tokenizer import LightTokenizer

_CHUNK: Final = 256
"""Tokens of a prompt computed in one pass; bounds the memory that attention takes."""
_BUFFER_STEP: Final = 256
"""A buffer grows by this many tokens at a time; untouched pages of it cost no memory."""
_MASKED: Final = np.float32(-1e9)
"""Added to the attention to a token that must not be seen."""


@dataclass
class _Cache:
    """Keys and values of a text."""

    buffer: Array
    """Shape (layers · 2, 1, heads, capacity, size); the content beyond `length` is undefined."""
    length: int = 0
    """The number of its tokens."""
    binding: Any = field(default=None, repr=False)
    """Inputs and outputs of the session, bound to the buffer."""


class OnnxBackend:
    """A Llama model in 4 bits; several threads may use it at once, each with its own caches.

    Args:
        folder: Contains `model.onnx`, `config.json`, `generation_config.json` and a tokenizer.
        threads: CPU threads of one step; None leaves the choice to ONNX Runtime.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        self._config = json.loads((folder / "config.json").read_text("utf-8"))
        self._generation = json.loads((folder / "generation_config.json").read_text("utf-8"))
        self.tokenizer = LightTokenizer(folder)
        self._session = open_session(folder / "model.onnx", threads=threads)

    @property
    def weight_format(self) -> str:
        """4 bits."""
        return "onnx-4-bit"

    @property
    def default_sampling(self) -> Mapping[str, Any]:
        """No settings: the most probable token is chosen."""
        return {}

    @property
    def context_window(self) -> int:
        """The number of positions that the model was trained on."""
        return int(self._config["max_position_embeddings"])

    @property
    def eos_ids(self) -> frozenset[int]:
        """The end token of the generation settings."""
        return frozenset([int(self._generation["eos_token_id"])])

    def new_cache(self) -> _Cache:
        """Return an empty cache."""
        return _Cache(self._new_buffer(0))

    def cached_length(self, cache: _Cache) -> int:
        """Return the number of tokens in a cache."""
        return cache.length

    def truncate(self, cache: _Cache, length: int) -> _Cache:
        """Return a copy of the first tokens of a cache."""
        return _Cache(self._copy_buffer(cache.buffer, length, length), length)

    def forward(self, ids: Sequence[int], cache: _Cache) -> Array:
        """Append tokens to a cache, in chunks, and return the logits after the last one."""
        logits: Any = None
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            positions = range(cache.length, cache.length + len(chunk))
            logits = self._run(chunk, positions, cache, logit_indices=[len(chunk) - 1])
            cache.length += len(chunk)
        last: Array = logits[-1]
        return last

    def forward_branches(self, branches: Sequence[Sequence[int]], cache: _Cache) -> list[Array]:
        """Return the logits after each token of several continuations.

        All are computed in one pass, one after another in the free end of the cache: each has the
        positions that follow the text, and sees the text and itself alone.
        """
        ids = [token for branch in branches for token in branch]
        positions = [cache.length + index for branch in branches for index in range(len(branch))]
        bias = np.zeros((len(ids), cache.length + len(ids)), np.float32)
        bounds = np.cumsum([0, *map(len, branches)])
        bias[:, cache.length :] = _MASKED
        for start, end in pairwise(bounds):
            bias[start:end, cache.length + start : cache.length + end] = 0
        if not ids:
            return [np.empty((0, self._config["vocab_size"]), np.float32) for _ in branches]
        logits = self._run(ids, positions, cache, logit_indices=range(len(ids)), bias=bias)
        return np.split(logits, bounds[1:-1])

    def _run(
        self,
        ids: Sequence[int],
        positions: Sequence[int],
        cache: _Cache,
        *,
        logit_indices: Sequence[int],
        bias: Array | None = None,
    ) -> Array:
        """Compute tokens after those of a cache, whose length the caller increases."""
        total = cache.length + len(ids)
        binding = self._bind(cache, total)
        bias = np.zeros((len(ids), total), np.float32) if bias is None else bias
        binding.bind_cpu_input("ids", np.array([ids], np.int64))
        binding.bind_cpu_input("positions", np.array([positions], np.int64))
        binding.bind_cpu_input("bias", bias[None, None])
        binding.bind_cpu_input("wanted", np.array(logit_indices, np.int64))
        binding.bind_cpu_input("last", np.array([total - 1], np.int32))
        binding.bind_cpu_input("total", np.array(total, np.int32))
        binding.bind_output("logits")
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:
            raise ModelError(f"the local model failed on {len(ids)} tokens: {error}") from error
        logits: Array = binding.get_outputs()[-1].numpy()[0]  # in the order in which they were bound
        return logits

    def _bind(self, cache: _Cache, total: int) -> Any:
        """Return the binding of a cache with room for all tokens."""
        if total > cache.buffer.shape[3]:
            cache.buffer, cache.binding = self._copy_buffer(cache.buffer, cache.length, total), None
        if cache.binding is None:
            cache.binding, ort = self._session.io_binding(), import_onnxruntime()
            for name, layer in zip(self._cache_names, cache.buffer, strict=True):
                value = ort.OrtValue.ortvalue_from_numpy(layer)
                cache.binding.bind_ortvalue_input(f"past_{name}", value)
                cache.binding.bind_ortvalue_output(f"present_{name}", value)
        return cache.binding

    @cached_property
    def _cache_names(self) -> list[str]:
        """The names of the layers' keys and values: `key.0`, `value.0`, `key.1` and so on."""
        names = (node.name for node in self._session.get_inputs())
        return [name.removeprefix("past_") for name in names if name.startswith("past_")]

    def _new_buffer(self, tokens: int) -> Array:
        capacity = (tokens // _BUFFER_STEP + 1) * _BUFFER_STEP
        shape = (len(self._cache_names), 1, self._config["num_key_value_heads"], capacity, self._config["head_dim"])
        return np.empty(shape, np.float32)

    def _copy_buffer(self, buffer: Array, length: int, tokens: int) -> Array:
        copy = self._new_buffer(tokens)
        copy[:, :, :, :length] = buffer[:, :, :, :length]
        return copy
