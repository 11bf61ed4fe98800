"""Quantisation of an ONNX network to int8, after SmoothQuant (Xiao et al., ICML 2023)."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader

from ...contract.cpu_inference import import_onnxruntime

Inputs: TypeAlias = Mapping[str, NDArray[Any]]
"""What a network reads, by the name of its input."""
SMOOTHQUANT_ALPHA = 0.75
"""SmoothQuant's migration strength: how much of the scale differences moves from a matrix's input into the matrix.

Selected by measurement: docs/experiments/2026-11-24-quantisation.md, record 0005.
"""
QUANTISED = "_quantized"
"""Ending that ONNX Runtime gives to the name of a quantised initializer."""
MIN_INPUTS = 16
"""Matrices with fewer input features are not quantised."""
MIN_MAXIMUM = 1e-4
"""Lower bound of a maximum, so that no scale is infinite."""


class _CalibrationReader(CalibrationDataReader):  # type: ignore[misc]
    """Return inputs one by one, as ONNX Runtime's calibration expects."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self._remaining: Iterator[Inputs] = iter(inputs)

    def get_next(self) -> Any:
        """Return the next ones, None after the last."""
        return next(self._remaining, None)


def quantise(float32: Path, target: Path, inputs: Sequence[Inputs]) -> None:
    """Write the int8 network: embeddings, and all matrices with a scale for each column.

    Activations are quantised statically, with ranges measured on calibration dialogues, not dynamically with those
    of the current batch: a dialogue reads the same alone and in a batch, and nothing is measured at inference.

    Args:
        float32: The network in full precision.
        target: Path of the int8 network.
        inputs: What it reads of calibration dialogues, which are like those that will be read.
    """
    model = prepare(float32)
    smooth(model, inputs)
    write_int8(model, target, inputs)


def prepare(float32: Path) -> Any:
    """Return a network in full precision as it is quantised: simplified, the matrices of one input joined."""
    import onnx

    import_onnxruntime()
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch, "prepared.onnx")
        quant_pre_process(str(float32), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(str(prepared))
    ONNXModel(model).replace_gemm_with_matmul()
    _join_projections(model.graph)
    return model


def write_int8(model: Any, target: Path, inputs: Sequence[Inputs]) -> None:
    """Write a prepared network in int8; the name of each initializer that is quantised ends in `QUANTISED` then."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    with tempfile.TemporaryDirectory() as scratch:
        prepared, gathered = Path(scratch, "prepared.onnx"), Path(scratch, "gathered.onnx")
        onnx.save(model, str(prepared))
        quantize_dynamic(str(prepared), str(gathered), op_types_to_quantize=["Gather"], weight_type=QuantType.QInt8)
        quantize_static(
            str(gathered),
            str(target),
            _CalibrationReader(inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=[node.name for node in large_products(model.graph)],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
        )


def large_products(graph: Any) -> list[Any]:
    """Return the products with a weight matrix that is large enough for int8 to pay off."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    return [
        node
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in weights and weights[node.input[1]].dims[0] >= MIN_INPUTS
    ]


def smooth(model: Any, inputs: Sequence[Inputs]) -> dict[str, NDArray[np.float32]]:
    """Divide each large matrix's input by a scale per feature, and multiply the matrix by it instead.

    A few features of an encoder are many times larger than the others, and one range for all leaves the others few
    steps (SmoothQuant, Xiao et al., ICML 2023).

    Returns:
        The scales by the name of the matrix, [rows] each.
    """
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    products, scales = large_products(model.graph), dict[str, NDArray[np.float32]]()
    maxima = _activation_maxima(model, {node.input[0] for node in products}, inputs)
    for node in products:
        weight = weights[node.input[1]]
        matrix, maximum = numpy_helper.to_array(weight), np.maximum(maxima[node.input[0]], MIN_MAXIMUM)
        scale = maximum**SMOOTHQUANT_ALPHA / np.maximum(np.abs(matrix).max(axis=1), MIN_MAXIMUM) ** (
            1 - SMOOTHQUANT_ALPHA
        )
        scale /= np.exp(np.log(scale).mean())
        scales[weight.name] = scale.astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array((matrix * scale[:, None]).astype(np.float32), weight.name))
        index, factor, smoothed = list(model.graph.node).index(node), f"{node.name}_smoothing", f"{node.name}_smoothed"
        model.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), factor))
        model.graph.node.insert(index, helper.make_node("Mul", [node.input[0], factor], [smoothed], name=smoothed))
        node.input[0] = smoothed
    return scales


def _activation_maxima(model: Any, names: Collection[str], inputs: Sequence[Inputs]) -> dict[str, NDArray[np.float32]]:
    """Return the maximum absolute value of each feature of a graph's values over calibration inputs."""
    maxima: dict[str, NDArray[np.float32]] = {}
    for values in activations(model, names, inputs):
        for name, value in values.items():
            largest: NDArray[np.float32] = np.abs(value).max(axis=0)
            maxima[name] = np.maximum(maxima[name], largest) if name in maxima else largest
    return maxima


def activations(
    model: Any, names: Collection[str], inputs: Sequence[Inputs]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield for each calibration input a graph's values by their names, [tokens, features]."""
    import onnx

    ort = import_onnxruntime()
    exposed, outputs = onnx.ModelProto(), sorted(names)
    exposed.CopyFrom(model)
    known = {output.name for output in exposed.graph.output}
    exposed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs if name not in known
    )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(exposed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for one in inputs:
        values: Any = session.run(outputs, dict(one))
        yield {name: value.reshape(-1, value.shape[-1]) for name, value in zip(outputs, values, strict=True)}


def _join_projections(graph: Any) -> None:
    """Join the matrices of query, key and value into one: a tenth faster, since their input is quantised once."""
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            readers.setdefault(node.input[0], []).append(node)
    for value, nodes in readers.items():
        widths = [weights[node.input[1]].dims[-1] for node in nodes]
        if len(nodes) != 3 or len(set(widths)) > 1:
            continue
        name = f"{nodes[0].name}_joined"
        joined = np.concatenate([numpy_helper.to_array(weights[node.input[1]]) for node in nodes], axis=1)
        sizes = np.array(widths, dtype=np.int64)
        graph.initializer.append(numpy_helper.from_array(joined, f"{name}_weight"))
        graph.initializer.append(numpy_helper.from_array(sizes, f"{name}_sizes"))
        index = min(list(graph.node).index(node) for node in nodes)
        outputs = [node.output[0] for node in nodes]
        for node in nodes:
            graph.node.remove(node)
            graph.initializer.remove(weights[node.input[1]])
        graph.node.insert(index, helper.make_node("MatMul", [value, f"{name}_weight"], [name], name=name))
        graph.node.insert(
            index + 1, helper.make_node("Split", [name, f"{name}_sizes"], outputs, axis=-1, name=f"{name}_split")
        )
