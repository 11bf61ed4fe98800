"""Extension of an exported int8 network: further embedding rows, and heads that read what it computes already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
WORDS = "emotion.trunk.embeddings.word_embeddings.weight"
SENTENCE_FEATURES: Final = "cat"
"""Mean features of all layers, each of unit length, [batch, layers · width]; sentence vectors are made of them."""
TOKEN_FEATURES: Final = "cat_1"
"""The features of some layers of each token, each normalised, [batch, tokens, layers · width]; the causes are."""
ROW_OF_ID = "row_of_id"


def extend_network(
    source: Path,
    target: Path,
    *,
    rows: Sequence[int] = (),
    new_rows: Array | None = None,
    lexical: Array | None = None,
    heads: Mapping[str, tuple[str, Array, Array]] | None = None,
    exposed: Mapping[str, str] | None = None,
) -> None:
    """Write a network that reads as before what it could read before.

    Args:
        source: An exported `model.onnx`.
        target: The network to write.
        rows: Embedding row of each token id; empty where ids are rows.
        new_rows: Embeddings behind those that the network has, [rows, width].
        lexical: Lexical facts of these rows for the cause head, [rows, facts].
        heads: Linear maps by the name of their output: the value they read, weights [in, out] and bias [out].
        exposed: Values that become outputs, by the name of the output.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(source))
    graph = model.graph
    if new_rows is not None and lexical is not None:
        _append_rows(graph, new_rows, lexical)
    if rows:
        _set_rows(graph, numpy_helper.from_array(np.array(rows, dtype=np.int64), ROW_OF_ID))
    for name, (value, weights, bias) in (heads or {}).items():
        graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), f"{name}_weights"))
        graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), f"{name}_bias"))
        graph.node.append(helper.make_node("MatMul", [value, f"{name}_weights"], [f"{name}_product"]))
        graph.node.append(helper.make_node("Add", [f"{name}_product", f"{name}_bias"], [name]))
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    expose_values(graph, exposed or {})
    onnx.save(model, str(target))


def expose_values(graph: Any, exposed: Mapping[str, str], dimensions: Sequence[str] | None = None) -> None:
    """Make values of a graph outputs, in place of outputs of the same name.

    Args:
        graph: The graph.
        exposed: The values, by the name of the output.
        dimensions: Names of the dimensions of each; None leaves them open, which ONNX's checker refuses.
    """
    from onnx import TensorProto, helper

    for name, value in exposed.items():
        for field in (graph.node, graph.output):
            kept = [one for one in field if name not in (one.name, *getattr(one, "output", ()))]
            copies = [type(one).FromString(one.SerializeToString()) for one in kept]
            del field[:]
            field.extend(copies)
        graph.node.append(helper.make_node("Identity", [value], [name]))
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions))


def _set_rows(graph: Any, rows: Any) -> None:
    """Look up the row of each token id; a network that does so already gets other rows."""
    from onnx import helper

    if known := [tensor for tensor in graph.initializer if tensor.name == ROW_OF_ID]:
        known[0].CopyFrom(rows)
        return
    graph.initializer.append(rows)
    for node in graph.node:
        node.input[:] = ["word_rows" if name == "input_ids" else name for name in node.input]
    graph.node.insert(0, helper.make_node("Gather", [ROW_OF_ID, "input_ids"], ["word_rows"], name="word_rows"))


def _append_rows(graph: Any, new_rows: Array, lexical: Array) -> None:
    """Quantise further embeddings as the others are, and append them and their lexical facts."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    scale = numpy_helper.to_array(tensors[f"{WORDS}_scale"])
    zero = numpy_helper.to_array(tensors[f"{WORDS}_zero_point"])
    old = numpy_helper.to_array(tensors[f"{WORDS}_quantized"])
    limits = np.iinfo(old.dtype)
    codes = np.clip(np.round(new_rows / scale) + zero, limits.min, limits.max).astype(old.dtype)
    joined = numpy_helper.from_array(np.concatenate([old, codes]), f"{WORDS}_quantized")
    tensors[f"{WORDS}_quantized"].CopyFrom(joined)
    facts = next(node.input[0] for node in graph.node if node.op_type == "GatherND")
    both = np.concatenate([numpy_helper.to_array(tensors[facts]), lexical.astype(np.float32)])
    tensors[facts].CopyFrom(numpy_helper.from_array(both, facts))
