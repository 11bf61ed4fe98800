"""A shipped int8 SEM as a PyTorch network, so that gradients can flow through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from ..embedding_head import EmbeddingHead
from ..emotion_network import EmotionNetwork

Array = NDArray[np.float32]
TRUNK = "emotion.trunk."


class RestoredSem(nn.Module):
    """The emotion network and the head for sentence vectors of an exported SEM, in full precision.

    Args:
        network: Path of the `model.onnx` that `export_sem` wrote.
    """

    def __init__(self, network: Path) -> None:
        super().__init__()
        weights = _read_weights(network)
        words, positions = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
        depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
        width, inner = weights["encoder.layer.0.intermediate.dense.weight"].shape[::-1]
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=width,
            num_hidden_layers=depth,
            num_attention_heads=width // 32,
            intermediate_size=inner,
            max_position_embeddings=len(positions),
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        trunk = BertModel(config, add_pooling_layer=False)
        own = {name: torch.tensor(value) for name, value in weights.items() if name.split(".")[0] in _PARTS}
        trunk.load_state_dict(own, strict=True)
        labels = len(weights["classifier.bias"])
        self.emotion = EmotionNetwork(trunk, width, labels)
        self.emotion.dropout.p = 0.0
        self.embedding = EmbeddingHead(width, depth + 1)
        with torch.no_grad():
            self.emotion.classifier.weight.copy_(torch.tensor(weights["classifier.weight"]))
            self.emotion.classifier.bias.copy_(torch.tensor(weights["classifier.bias"]))
            self.embedding.map.weight.copy_(torch.from_numpy(weights["embedding.map.weight"]))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Return emotion logits, pooled features and unit sentence vectors of a padded batch."""
        outputs = self.emotion(input_ids, attention_mask, token_type_ids)
        return outputs.logits, outputs.pooled, self.embedding(outputs.layers, attention_mask)


_PARTS = ("embeddings", "encoder")


def _read_weights(network: Path) -> dict[str, Array]:
    """Return the weights of an int8 network under the names of `BertModel`; matrices are [out, in]."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(network)).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: dict[str, Array] = {}
    for name, value in values.items():
        if name.startswith(TRUNK) and value.dtype == np.float32 and value.ndim:
            weights[name.removeprefix(TRUNK)] = value
        if name.endswith("_embeddings.weight_quantized"):
            weights[name.removeprefix(TRUNK).removesuffix("_quantized")] = _dequantize(values, name)
    weights["classifier.bias"] = values["emotion.classifier.bias"]
    weights["classifier.weight"] = _matrix(values, "emotion.classifier.weight_Transposed_quantized", graph)
    weights["embedding.map.weight"] = _matrix(values, "embedding.map.weight_Transposed_quantized", graph)
    for bias in [name for name in weights if name.endswith(".bias") and "LayerNorm" not in name and "layer" in name]:
        weight = _product_before(graph, TRUNK + bias)
        if weight is not None:
            weights[bias.removesuffix("bias") + "weight"] = _matrix(values, weight, graph)
    for bias in [name for name in weights if name.endswith((".query.bias", ".key.bias", ".value.bias"))]:
        joined, part = _joined_before(graph, TRUNK + bias)
        weights[bias.removesuffix("bias") + "weight"] = np.split(_matrix(values, joined, graph), 3)[part]
    return weights


def _dequantize(values: dict[str, Any], name: str) -> Array:
    base = name.removesuffix("_quantized")
    scale, zero = values[f"{base}_scale"], values[f"{base}_zero_point"]
    return np.asarray((values[name].astype(np.float32) - zero.astype(np.float32)) * scale, dtype=np.float32)


def _matrix(values: dict[str, Any], name: str, graph: Any) -> Array:
    """Return a matrix as [out, in], with the scales that SmoothQuant divided its input by multiplied back in."""
    matrix = _dequantize(values, name)
    dequantized = next(node.output[0] for node in graph.node if node.input and node.input[0] == name)
    product = next(node for node in graph.node if node.op_type == "MatMul" and dequantized in node.input)
    by_output = {output: node for node in graph.node for output in node.output}
    node = by_output[product.input[0]]
    while node.op_type != "Mul":
        node = by_output[node.input[0]]
    return np.ascontiguousarray((matrix * values[node.input[1]][:, None]).T)


def _product_before(graph: Any, bias: str) -> str | None:
    """Return the quantised matrix of the product that a bias is added to; None where it is joined with others."""
    by_output = {output: node for node in graph.node for output in node.output}
    addition = next(node for node in graph.node if node.op_type == "Add" and bias in node.input)
    node = by_output[next(name for name in addition.input if name != bias)]
    return by_output[node.input[1]].input[0] if node.op_type == "MatMul" else None


def _joined_before(graph: Any, bias: str) -> tuple[str, int]:
    """Return the quantised matrix of query, key and value, and which of the three a bias is added to."""
    by_output = {output: node for node in graph.node for output in node.output}
    addition = next(node for node in graph.node if node.op_type == "Add" and bias in node.input)
    part = next(name for name in addition.input if name != bias)
    split = by_output[part]
    return by_output[by_output[split.input[0]].input[1]].input[0], list(split.output).index(part)
