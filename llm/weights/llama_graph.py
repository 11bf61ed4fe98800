"""A Llama model with 4-bit weights as an ONNX graph, exactly as its GGUF file holds them.

Activations stay float32, so the graph computes what the dequantised model computes. Three techniques
make that fast on a CPU:

- `MatMulNBits` computes with scale · (code - 8); the rest of a Q4_1 weight is constant within a block of
  32 inputs, so it acts on the sums of blocks alone. An adapter acts through its low rank. Both are one
  narrow product beside the large one: x W = x Q + (x down) up.
- The output layer has 8-bit codes, which are fast with 8-bit inputs alone: it is applied to the input
  rounded to 8 bits, and once more to the rounding error, which makes about 15 bits.
- Keys and values stay in one buffer, which `GroupQueryAttention` reads and writes in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..engine.backend import Array
from .adapter import LowRank
from .gguf_weights import BLOCK, Blocks, Weights

_MICROSOFT: Final = "com.microsoft"
_EMBEDDING: Final = "model.embed_tokens.weight"


def write_llama(path: Path, config: Mapping[str, Any], weights: Weights, adapter: Mapping[str, LowRank]) -> None:
    """Write the graph.

    Inputs: `ids` and `positions` of shape (1, tokens), `bias` (1, 1, tokens, all tokens) added to
    the attention, `wanted` the indices of the tokens whose logits are returned, `last` (1,) the index
    of the last token, `total` the number of all tokens, and `past_key.N`, `past_value.N`
    (1, heads, capacity, size). Outputs: `logits` (1, wanted, vocabulary), and `present_key.N`,
    `present_value.N`, to be bound to the same memory. Folders that were converted before have these
    names, too: whoever changes one increases `_LAYOUT` in `embedded_weights`.

    Args:
        path: The file to write.
        config: The model's `config.json`.
        weights: By the names of transformers; matrices as Q4_1, the embedding as Q8_0.
        adapter: Low-rank matrices that are added to some of the matrices.
    """
    import onnx

    graph = _Graph(config, weights, adapter)
    graph.add_model()
    onnx.save(graph.model(), path)


class _Graph:
    """Nodes and constants, collected in the order of computation."""

    def __init__(self, config: Mapping[str, Any], weights: Weights, adapter: Mapping[str, LowRank]) -> None:
        self._config, self._weights, self._adapter = config, weights, adapter
        self._layers = int(config["num_hidden_layers"])
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._epsilon = float(config["rms_norm_eps"])

    def add_model(self) -> None:
        """Add the model from tokens to logits."""
        self._add_rotary_tables()
        residual, added = self._embed(), ""
        for layer in range(self._layers):
            residual, added = self._layer(f"model.layers.{layer}", layer, residual, added)
        hidden = self._node("Add", [residual, added], "hidden")
        selected = self._node("Gather", [hidden, "wanted"], "wanted_hidden", axis=1)
        self._output(self._norm(selected, "", "model.norm")[0])

    def model(self) -> Any:
        """Return the collected nodes and constants as an ONNX model."""
        from onnx import TensorProto, helper

        def value(name: str, kind: int, *shape: int | str) -> Any:
            return helper.make_tensor_value_info(name, kind, shape)

        heads, size = int(self._config["num_key_value_heads"]), int(self._config["head_dim"])
        caches = [f"{kind}.{layer}" for layer in range(self._layers) for kind in ("key", "value")]
        inputs = [
            value("ids", TensorProto.INT64, 1, "tokens"),
            value("positions", TensorProto.INT64, 1, "tokens"),
            value("bias", TensorProto.FLOAT, 1, 1, "tokens", "all"),
            value("wanted", TensorProto.INT64, "wanted"),
            value("last", TensorProto.INT32, 1),
            value("total", TensorProto.INT32),
            *(value(f"past_{cache}", TensorProto.FLOAT, 1, heads, "room", size) for cache in caches),
        ]
        outputs = [
            value("logits", TensorProto.FLOAT, 1, "wanted", int(self._config["vocab_size"])),
            *(value(f"present_{cache}", TensorProto.FLOAT, 1, heads, "room", size) for cache in caches),
        ]
        graph = helper.make_graph(self._nodes, "llama", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def _layer(self, name: str, layer: int, residual: str, added: str) -> tuple[str, str]:
        """Add attention and MLP; return the residual stream and the branch that is not yet added to it."""
        normed, residual = self._norm(residual, added, f"{name}.input_layernorm")
        attention = [f"{name}.self_attn.{part}_proj" for part in "qkv"]
        attended = self._attend(self._linear(normed, attention), name, layer)
        added = self._linear(attended, [f"{name}.self_attn.o_proj"])
        normed, residual = self._norm(residual, added, f"{name}.post_attention_layernorm")
        both = self._linear(normed, [f"{name}.mlp.gate_proj", f"{name}.mlp.up_proj"])
        gate, up = f"{name}.gate", f"{name}.up"
        self._node("Split", [both], [gate, up], axis=-1, num_outputs=2)
        swish = self._node("QuickGelu", [gate], f"{name}.swish", _MICROSOFT, alpha=1.0)
        gated = self._node("Mul", [swish, up], f"{name}.gated")
        return residual, self._linear(gated, [f"{name}.mlp.down_proj"])

    def _attend(self, packed: str, name: str, layer: int) -> str:
        outputs = [f"{name}.attended", f"present_key.{layer}", f"present_value.{layer}"]
        past = [f"past_key.{layer}", f"past_value.{layer}"]
        inputs = [packed, "", "", *past, "last", "total", "cosine", "sine", "positions", "bias"]
        heads = {"num_heads": self._config["num_attention_heads"], "kv_num_heads": self._config["num_key_value_heads"]}
        return self._node("GroupQueryAttention", inputs, outputs, _MICROSOFT, do_rotary=1, **heads)

    def _norm(self, residual: str, added: str, name: str) -> tuple[str, str]:
        """Return the normed sum, and the sum."""
        gain = self._constant(f"{name}.weight", self._weights[f"{name}.weight"])
        if not added:
            return self._node(
                "SimplifiedLayerNormalization", [residual, gain], name, axis=-1, epsilon=self._epsilon
            ), residual
        total = f"{name}.sum"
        self._node(
            "SkipSimplifiedLayerNormalization",
            [residual, added, gain],
            [name, "", "", total],
            _MICROSOFT,
            epsilon=self._epsilon,
        )
        return name, total

    def _linear(self, x: str, names: Sequence[str]) -> str:
        """Return the concatenated outputs of several matrices of one input."""
        blocks = [self._blocks(f"{name}.weight") for name in names]
        codes = np.concatenate([matrix.codes for matrix in blocks])
        scale = np.concatenate([matrix.scale for matrix in blocks])
        offset = np.concatenate([matrix.offset for matrix in blocks])
        name = names[0]
        large = self._nbits(x, f"{name}.codes", codes, scale)
        down, up = self._narrow_factors(names, blocks, offset + 8 * scale)
        narrow = self._node("MatMul", [x, self._constant(f"{name}.down", down)], f"{name}.narrow")
        rest = self._node("MatMul", [narrow, self._constant(f"{name}.up", up)], f"{name}.rest")
        return self._node("Add", [large, rest], f"{name}.out")

    def _narrow_factors(self, names: Sequence[str], blocks: Sequence[Blocks], shift: Array) -> tuple[Array, Array]:
        """Return the factors of the narrow product, which the large one lacks: sums of blocks, and the adapter."""
        outputs, inputs = shift.shape[0], shift.shape[1] * BLOCK
        down = [np.repeat(np.eye(shift.shape[1], dtype=np.float32), BLOCK, 0)]
        up, first = [shift.T], 0
        for name, matrix in zip(names, blocks, strict=True):
            if low_rank := self._adapter.get(f"{name}.weight"):
                wide = np.zeros((len(low_rank.down), outputs), np.float32)
                wide[:, first : first + len(matrix.codes)] = low_rank.up.T
                down.append(low_rank.down.T.reshape(inputs, -1))
                up.append(wide)
            first += len(matrix.codes)
        return np.concatenate(down, 1), np.concatenate(up)

    def _embed(self) -> str:
        """Look up rows of the output layer's codes, so that the graph contains them once."""
        embedding = self._blocks(_EMBEDDING)
        outputs, inputs = embedding.codes.shape
        self._constant("codes", embedding.codes.reshape(outputs, inputs // BLOCK, BLOCK))
        self._constant("scale", embedding.scale)
        codes = self._node("Cast", [self._node("Gather", ["codes", "ids"], "embedding.codes")], "embedding.cast", to=1)
        centred = self._node("Sub", [codes, self._constant("middle", np.float32(128))], "embedding.centred")
        scale = self._node("Gather", ["scale", "ids"], "embedding.scale")
        each = self._node("Unsqueeze", [scale, self._constant("last_axis", np.array([-1]))], "embedding.each")
        blocks = self._node("Mul", [centred, each], "embedding.blocks")
        return self._node("Reshape", [blocks, self._constant("flat", np.array([0, 0, inputs]))], "embedded")

    def _output(self, x: str) -> str:
        """Add the output layer in 8 bits: once for the input rounded to 8 bits, once for the rounding error."""
        outputs, inputs = self._blocks(_EMBEDDING).codes.shape
        blocks = self._node("Reshape", [x, self._constant("in_blocks", np.array([0, 0, -1, BLOCK]))], "output.blocks")
        size = self._node("Abs", [blocks], "output.size")
        top = self._node("ReduceMax", [size, "last_axis"], "output.top")
        step = self._node("Div", [top, self._constant("steps", np.float32(127))], "output.step")
        positive = self._node("Max", [step, self._constant("least", np.float32(1e-30))], "output.some")
        codes = self._node("Round", [self._node("Div", [blocks, positive], "output.divided")], "output.whole")
        rounded = self._node("Mul", [codes, positive], "output.held")
        error = self._node("Sub", [blocks, rounded], "output.left")
        both = self._node("Concat", [rounded, error], "output.both", axis=0)
        rows = self._node("Reshape", [both, "flat"], "output.rows")
        options = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        parts = self._node("MatMulNBits", [rows, "codes", "scale"], "output.parts", _MICROSOFT, **options)
        first = self._constant("first_axis", np.array([0]))
        return self._node("ReduceSum", [parts, first], "logits", keepdims=1)

    def _nbits(self, x: str, name: str, codes: Any, scale: Array) -> str:
        outputs, inputs = codes.shape
        packed = (codes[:, 0::2] | codes[:, 1::2] << 4).reshape(outputs, inputs // BLOCK, BLOCK // 2)
        operands = [x, self._constant(name, packed), self._constant(f"{name}.scale", scale)]
        options = {"K": inputs, "N": outputs, "bits": 4, "block_size": BLOCK, "accuracy_level": 1}
        return self._node("MatMulNBits", operands, f"{name}.product", _MICROSOFT, **options)

    def _add_rotary_tables(self) -> None:
        size, window = int(self._config["head_dim"]), int(self._config["max_position_embeddings"])
        theta = float(self._config["rope_parameters"]["rope_theta"])
        angles = np.outer(np.arange(window), theta ** (-np.arange(0, size, 2) / size))
        self._constant("cosine", np.cos(angles).astype(np.float32))
        self._constant("sine", np.sin(angles).astype(np.float32))

    def _blocks(self, name: str) -> Blocks:
        weight = self._weights[name]
        if not isinstance(weight, Blocks):
            raise ValueError(f"{name} is not quantised in blocks")
        return weight

    def _constant(self, name: str, array: Any) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, op: str, inputs: list[str], outputs: str | list[str], domain: str = "", **options: Any) -> str:
        from onnx import helper

        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(helper.make_node(op, inputs, names, names[0], domain=domain, **options))
        return names[0]
