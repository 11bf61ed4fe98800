"""From an ONNX network in full precision to int8."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader

from ...sem.runtime.encoding import Encoded, pad

SMOOTHQUANT_ALPHA = 0.75
"""SmoothQuant's alpha: the share of the differences between features that moves from a matrix's input into the matrix.

Chosen by measurement: docs/experiments/2026-11-24-quantisation.md, record 0005.
"""
NARROW = 16
"""Matrices that read fewer features stay as they are."""
TINY = 1e-4


class _CalibrationReader(CalibrationDataReader):  # type: ignore[misc]
    """Hand out dialogues one by one."""

    def __init__(self, dialogues: Sequence[Encoded]) -> None:
        self._left: Iterator[Encoded] = iter(dialogues)

    def get_next(self) -> Any:
        """Return the inputs of the next dialogue, None after the last."""
        one = next(self._left, None)
        return None if one is None else pad([one])


def quantise(plain: Path, target: Path, typical: Sequence[Encoded]) -> None:
    """Write the int8 network: embeddings, and all matrices with a scale for each column.

    What a matrix reads is quantised by ranges that typical dialogues reached, not by those of the batch at
    hand: a dialogue reads the same alone and in a batch, and nothing is measured while it is read.

    Args:
        plain: The network in full precision.
        target: Where the int8 network is written.
        typical: Dialogues like those that will be read.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, gathered = plain.with_name("prepared.onnx"), plain.with_name("gathered.onnx")
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    ONNXModel(model).replace_gemm_with_matmul()
    _join_projections(model.graph)
    products = _products(model.graph)
    _smooth_quant(model, products, typical)
    onnx.save(model, str(prepared))
    quantize_dynamic(str(prepared), str(gathered), op_types_to_quantize=["Gather"], weight_type=QuantType.QInt8)
    quantize_static(
        str(gathered),
        str(target),
        _CalibrationReader(typical),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=[node.name for node in products],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
    )


def _products(graph: Any) -> list[Any]:
    """Return the products with a matrix of weights that is large enough to be worth int8."""
    weights = {held.name: held for held in graph.initializer}
    return [
        node
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in weights and weights[node.input[1]].dims[0] >= NARROW
    ]


def _smooth_quant(model: Any, products: Sequence[Any], typical: Sequence[Encoded]) -> None:
    """Divide what each matrix reads by how large it becomes, feature by feature, and multiply the matrix instead.

    A few features of an encoder are many times larger than the others, and one range for all leaves these few
    steps (SmoothQuant, Xiao et al., ICML 2023).
    """
    from onnx import helper, numpy_helper

    weights = {held.name: held for held in model.graph.initializer}
    reach = _activation_maxima(model, {node.input[0] for node in products}, typical)
    for node in products:
        held = weights[node.input[1]]
        matrix, read = numpy_helper.to_array(held), np.maximum(reach[node.input[0]], TINY)
        scale = read**SMOOTHQUANT_ALPHA / np.maximum(np.abs(matrix).max(axis=1), TINY) ** (1 - SMOOTHQUANT_ALPHA)
        scale /= np.exp(np.log(scale).mean())
        held.CopyFrom(numpy_helper.from_array((matrix * scale[:, None]).astype(np.float32), held.name))
        model.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), f"{node.name}_evening"))
        place, even = list(model.graph.node).index(node), f"{node.name}_even"
        model.graph.node.insert(
            place, helper.make_node("Mul", [node.input[0], f"{node.name}_evening"], [even], name=even)
        )
        node.input[0] = even


def _activation_maxima(
    model: Any, names: Collection[str], typical: Sequence[Encoded]
) -> dict[str, NDArray[np.float32]]:
    """Return for each of a graph's values the largest size of each feature over typical dialogues."""
    import onnx
    import onnxruntime as ort

    shown, wanted = onnx.ModelProto(), sorted(names)
    shown.CopyFrom(model)
    known = {output.name for output in shown.graph.output}
    shown.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in wanted if name not in known
    )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(shown.SerializeToString(), options, providers=["CPUExecutionProvider"])
    reach: dict[str, NDArray[np.float32]] = {}
    for one in typical:
        values: Any = session.run(wanted, pad([one]))
        for name, value in zip(wanted, values, strict=True):
            largest: NDArray[np.float32] = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            reach[name] = np.maximum(reach[name], largest) if name in reach else largest
    return reach


def _join_projections(graph: Any) -> None:
    """Join the matrices of query, key and value into one: a tenth faster, since what they read is quantised once."""
    from onnx import helper, numpy_helper

    weights = {held.name: held for held in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            readers.setdefault(node.input[0], []).append(node)
    for read, nodes in readers.items():
        widths = [weights[node.input[1]].dims[-1] for node in nodes]
        if len(nodes) != 3 or len(set(widths)) > 1:
            continue
        name = f"{nodes[0].name}_joined"
        joined = np.concatenate([numpy_helper.to_array(weights[node.input[1]]) for node in nodes], axis=1)
        sizes = np.array(widths, dtype=np.int64)
        graph.initializer.append(numpy_helper.from_array(joined, f"{name}_weight"))
        graph.initializer.append(numpy_helper.from_array(sizes, f"{name}_sizes"))
        place = min(list(graph.node).index(node) for node in nodes)
        outputs = [node.output[0] for node in nodes]
        for node in nodes:
            graph.node.remove(node)
            graph.initializer.remove(weights[node.input[1]])
        graph.node.insert(place, helper.make_node("MatMul", [read, f"{name}_weight"], [name], name=name))
        graph.node.insert(
            place + 1, helper.make_node("Split", [name, f"{name}_sizes"], outputs, axis=-1, name=f"{name}_split")
        )
