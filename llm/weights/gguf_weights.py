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
_CONFIG: Final = {
    "_model_name_or_path": "general.name",
    "vocab_size": "llama.vocab_size",
    "max_position_embeddings": "llama.context_length",
    "hidden_size": "llama.embedding_length",
    "intermediate_size": "llama.feed_forward_length",
    "num_hidden_layers": "llama.block_count",
    "num_attention_heads": "llama.attention.head_count",
    "num_key_value_heads": "llama.attention.head_count_kv",
    "head_dim": "llama.rope.dimension_count",
    "rope_theta": "llama.rope.freq_base",
    "rms_norm_eps": "llama.attention.layer_norm_rms_epsilon",
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
    "unk_token_id": "tokenizer.ggml.unknown_token_id",
    "pad_token_id": "tokenizer.ggml.padding_token_id",
}
"""Setting of transformers' `LlamaConfig` -> field of the file."""


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


def read_gguf(path: Path) -> tuple[dict[str, Any], Weights]:
    """Return the settings of the model's `LlamaConfig`, and the weights by the names that transformers gives them.

    Matrices are `Blocks`, norms are arrays. The rows of the query and key projections come back in
    transformers' order: GGUF interleaves the two halves that the rotary embedding pairs. The output layer
    is that of the embeddings.

    Raises:
        ValueError: The file is not a GGUF of a Llama model in the formats Q4_1, Q8_0 and F32.
    """
    reader = _open(path)
    config = {name: reader.fields[field].contents() for name, field in _CONFIG.items()}
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    weights: dict[str, Blocks | Array] = {}
    for tensor in reader.tensors:
        name = _transformers_name(tensor.name)
        weight = _read_tensor(tensor)
        head_count = heads.get(name.split(".")[-2])
        if head_count and isinstance(weight, Blocks):
            weight = weight.rows(_unpermute_rotary(len(weight.codes), head_count))
        weights[name] = weight
    return {**config, "tie_word_embeddings": True}, weights


def _open(path: Path) -> Any:
    """Return the library's reader of a file.

    It slices the file a million times, once for each word of the vocabulary and more, and numpy takes three times as
    long to slice a mapped file as a plain array over the same memory.
    """
    from gguf import GGUFReader

    class PlainReader(GGUFReader):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, np.asarray(value) if name == "data" else value)

    return PlainReader(path)


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
