"""The network of a folder with a `model.onnx` as `llama_graph` writes it, on ONNX Runtime."""

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
from .backend import Array
from .tokenizer import LightTokenizer

_CHUNK: Final = 256
"""Tokens of a prompt computed in one pass; bounds the memory that attention takes."""
_ROOM: Final = 256
"""A buffer grows by so many tokens at a time; untouched pages of it cost no memory."""
_HIDDEN: Final = np.float32(-1e9)
"""Added to the attention to a token that is not to be seen."""


@dataclass
class _Cache:
    """Keys and values of a text."""

    buffer: Array
    """Shape (layers · 2, 1, heads, room, size); beyond `length` it holds nothing that counts."""
    length: int = 0
    """How many tokens it holds."""
    bound: Any = field(default=None, repr=False)
    """Inputs and outputs bound to the buffer."""


class OnnxBackend:
    """A Llama model in 4 bits; several threads may use it at once, each with its own caches.

    Args:
        folder: Holds `model.onnx`, `config.json`, `generation_config.json` and a tokenizer.
        threads: CPU threads of one step; None leaves the choice to ONNX Runtime.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        import onnxruntime as ort

        self._ort: Any = ort
        self._config = json.loads((folder / "config.json").read_text("utf-8"))
        self._generation = json.loads((folder / "generation_config.json").read_text("utf-8"))
        self.tokenizer = LightTokenizer(folder)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = ort.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own errors share no base but this one
            raise ValueError(f"model.onnx: {error}") from error

    @property
    def weight_format(self) -> str:
        """4 bits."""
        return "onnx-4-bit"

    @property
    def default_sampling(self) -> Mapping[str, Any]:
        """Nothing: the most probable token is taken."""
        return {}

    @property
    def context_window(self) -> int:
        """How many positions the model knows."""
        return int(self._config["max_position_embeddings"])

    @property
    def eos_ids(self) -> frozenset[int]:
        """The token that the generation settings call an end."""
        return frozenset([int(self._generation["eos_token_id"])])

    def new_cache(self) -> _Cache:
        """Return an empty cache."""
        return _Cache(self._buffer(0))

    def cached_length(self, cache: _Cache) -> int:
        """Return how many tokens a cache holds."""
        return cache.length

    def truncate(self, cache: _Cache, length: int) -> _Cache:
        """Return a copy of the first tokens of a cache."""
        return _Cache(self._copy(cache.buffer, length, length), length)

    def forward(self, ids: Sequence[int], cache: _Cache) -> Array:
        """Add tokens to a cache, in chunks, and return the logits after the last one."""
        logits: Any = None
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            places = range(cache.length, cache.length + len(chunk))
            logits = self._run(chunk, places, cache, wanted=[len(chunk) - 1])
            cache.length += len(chunk)
        last: Array = logits[-1]
        return last

    def forward_branches(self, endings: Sequence[Sequence[int]], cache: _Cache) -> list[Array]:
        """Return the logits after each token of several endings.

        All are computed in one pass, behind each other in the free end of the cache: each has the
        positions that follow the text, and sees the text and itself alone.
        """
        ids = [token for ending in endings for token in ending]
        places = [cache.length + at for ending in endings for at in range(len(ending))]
        seen = np.zeros((len(ids), cache.length + len(ids)), np.float32)
        bounds = np.cumsum([0, *map(len, endings)])
        seen[:, cache.length :] = _HIDDEN
        for start, end in pairwise(bounds):
            seen[start:end, cache.length + start : cache.length + end] = 0
        if not ids:
            return [np.empty((0, self._config["vocab_size"]), np.float32) for _ in endings]
        logits = self._run(ids, places, cache, wanted=range(len(ids)), seen=seen)
        return np.split(logits, bounds[1:-1])

    def _run(
        self,
        ids: Sequence[int],
        places: Sequence[int],
        cache: _Cache,
        *,
        wanted: Sequence[int],
        seen: Array | None = None,
    ) -> Array:
        """Compute tokens behind those that a cache holds; its length is the caller's to move."""
        total = cache.length + len(ids)
        bound = self._bound(cache, total)
        bias = np.zeros((len(ids), total), np.float32) if seen is None else seen
        bound.bind_cpu_input("ids", np.array([ids], np.int64))
        bound.bind_cpu_input("positions", np.array([places], np.int64))
        bound.bind_cpu_input("bias", bias[None, None])
        bound.bind_cpu_input("wanted", np.array(wanted, np.int64))
        bound.bind_cpu_input("last", np.array([total - 1], np.int32))
        bound.bind_cpu_input("total", np.array(total, np.int32))
        bound.bind_output("logits")
        try:
            self._session.run_with_iobinding(bound)
        except Exception as error:
            raise ModelError(f"the local model failed on {len(ids)} tokens: {error}") from error
        logits: Array = bound.get_outputs()[-1].numpy()[0]  # in the order in which they were bound
        return logits

    def _bound(self, cache: _Cache, total: int) -> Any:
        """Return the binding of a cache with room for all tokens."""
        if total > cache.buffer.shape[3]:
            cache.buffer, cache.bound = self._copy(cache.buffer, cache.length, total), None
        if cache.bound is None:
            cache.bound = self._session.io_binding()
            for name, part in zip(self._names, cache.buffer, strict=True):
                value = self._ort.OrtValue.ortvalue_from_numpy(part)
                cache.bound.bind_ortvalue_input(f"past_{name}", value)
                cache.bound.bind_ortvalue_output(f"present_{name}", value)
        return cache.bound

    @cached_property
    def _names(self) -> list[str]:
        named = (given.name for given in self._session.get_inputs())
        return [name.removeprefix("past_") for name in named if name.startswith("past_")]

    def _buffer(self, tokens: int) -> Array:
        room = (tokens // _ROOM + 1) * _ROOM
        return np.empty(
            (len(self._names), 1, self._config["num_key_value_heads"], room, self._config["head_dim"]), np.float32
        )

    def _copy(self, buffer: Array, length: int, tokens: int) -> Array:
        copied = self._buffer(tokens)
        copied[:, :, :, :length] = buffer[:, :, :, :length]
        return copied
