"""Read the weights of a Llama model from a GGUF file, with neither torch nor transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..engine.backend import Array

BLOCK: Final = 32
"""Weights that share a scale in GGUF's simple formats."""
_NAMES: Final = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_OUTER: Final = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


@dataclass(frozen=True, slots=True)
class Blocks:
    """A matrix in its file's block format: weight = code · scale + offset, the last two shared by a block."""

    codes: NDArray[np.uint8]
    """Shape (outputs, inputs); 4 or 8 bits."""
    scale: Array
    """Shape (outputs, inputs / 32)."""
    offset: Array
    """Shape (outputs, inputs / 32): the weight of code 0."""

    def dense(self) -> Array:
        """Return the weights as float32."""
        return self.codes * self.scale.repeat(BLOCK, 1) + self.offset.repeat(BLOCK, 1)

    def rows(self, order: NDArray[np.int64]) -> Blocks:
        """Return the matrix with its outputs in another order."""
        return Blocks(self.codes[order], self.scale[order], self.offset[order])


Weights = Mapping[str, "Blocks | Array"]


def read_gguf(path: Path) -> Weights:
    """Return the weights by the names that transformers gives them.

    Matrices are `Blocks`, norms are arrays. The rows of the query and key projections come back in
    transformers' order: GGUF interleaves the two halves that the rotary embedding pairs.

    Raises:
        ValueError: The file is not a GGUF of a Llama model in the formats Q4_1, Q8_0 and F32.
    """
    from gguf import GGUFReader

    reader: Any = GGUFReader(path)
    heads = {
        "q_proj": reader.fields["llama.attention.head_count"].contents(),
        "k_proj": reader.fields["llama.attention.head_count_kv"].contents(),
    }
    weights: dict[str, Blocks | Array] = {}
    for tensor in reader.tensors:
        name = _transformers_name(tensor.name)
        weight = _read_tensor(tensor)
        head_count = heads.get(name.split(".")[-2])
        if head_count and isinstance(weight, Blocks):
            weight = weight.rows(_unpermute_rotary(len(weight.codes), head_count))
        weights[name] = weight
    return weights


def dense(weights: Weights) -> dict[str, Array]:
    """Return every weight as an array of float32."""
    return {name: weight.dense() if isinstance(weight, Blocks) else weight for name, weight in weights.items()}


def _transformers_name(name: str) -> str:
    if match := re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name):
        return f"model.layers.{match[1]}.{_NAMES[match[2]]}.weight"
    return f"{_OUTER[name.removesuffix('.weight')]}.weight"


def _read_tensor(tensor: Any) -> Blocks | Array:
    outputs, data = int(tensor.shape[-1]), tensor.data
    if (number_format := tensor.tensor_type.name) == "F32":
        return np.array(data, np.float32)
    raw = np.asarray(data).reshape(outputs, -1, {"Q4_1": 20, "Q8_0": 34}[number_format])
    scale = raw[..., :2].copy().view(np.float16)[..., 0].astype(np.float32)
    if number_format == "Q8_0":
        shifted = raw[..., 2:] + np.uint8(128)  # int8 read as uint8: adding half the range wraps to code order
        return Blocks(shifted.reshape(outputs, -1), scale, -128 * scale)
    offset = raw[..., 2:4].copy().view(np.float16)[..., 0].astype(np.float32)
    codes: Any = np.concatenate([raw[..., 4:] & 15, raw[..., 4:] >> 4], -1)
    return Blocks(codes.reshape(outputs, -1), scale, offset)


def _unpermute_rotary(rows: int, heads: int) -> NDArray[np.int64]:
    """Return the order of rows in which the two halves of each head follow each other again."""
    return np.arange(rows).reshape(heads, -1, 2).swapaxes(1, 2).reshape(-1)
