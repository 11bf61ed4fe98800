"""A network whose large matrices are kept in 4 bits, and are int8 where it is run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....sem.runtime.manifest import NETWORK
from ....sem.runtime.packed_weights import WEIGHTS, PackedMatrix, pack_codes, write_packed
from ..quantisation import QUANTISED, Inputs, activations, large_products, prepare, smooth, write_int8
from .four_bits import FourBits, round_matrix

TOGETHER = 50
"""Dialogues whose inputs are multiplied at once: their products are large, and adding them takes the longest."""
MIN_VALUES = 100_000
"""Values of a matrix from which on 4 bits save anything; the small ones, such as the classifier, stay as exact."""


def write_four_bit_network(float32: Path, folder: Path, inputs: Sequence[Inputs]) -> None:
    """Write `model.onnx` without its large matrices, and these in 4 bits beside it.

    The matrices are rounded first, then the network with the rounded ones is quantised to int8 as any other, so that
    the ranges of its activations are those that it will have.

    Args:
        float32: The network in full precision.
        folder: Where both files are written.
        inputs: What the network reads of calibration dialogues.
    """
    import onnx
    from onnx import numpy_helper

    model = prepare(float32)
    rounded = dict(_round_products(model, inputs)) | dict(_round_tables(model.graph))
    factors = smooth(model, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        int8 = Path(scratch, NETWORK)
        write_int8(model, int8, inputs)
        network = onnx.load(str(int8))
    tensors = {tensor.name: tensor for tensor in network.graph.initializer}
    packed: dict[str, PackedMatrix] = {}
    for name, four_bits in rounded.items():
        if name not in factors:
            _make_symmetric(tensors, name)
        scale = numpy_helper.to_array(tensors[f"{name}_scale"])
        matrix = numpy_helper.to_array(tensor := tensors[name + QUANTISED])
        packed[tensor.name] = one = _pack(four_bits, factors.get(name), scale)
        difference = int(np.abs(one.unpack().astype(np.int16) - matrix).max())
        if difference > 1:
            raise ValueError(f"{name} is not what its 4 bits stand for: int8 values differ by up to {difference}")
        _make_external(tensor, matrix.nbytes)
    del network.graph.value_info[:]
    write_packed(folder / WEIGHTS, packed)
    (folder / NETWORK).write_bytes(network.SerializeToString())


def _round_products(model: Any, inputs: Sequence[Inputs]) -> Iterator[tuple[str, FourBits]]:
    """Round the matrices of products, each by what it reads of the calibration dialogues."""
    from onnx import numpy_helper

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in large_products(model.graph):
        if np.prod(weights[node.input[1]].dims) >= MIN_VALUES:
            readers.setdefault(node.input[0], []).append(weights[node.input[1]])
    for value, moment in _second_moments(model, [*readers], inputs).items():
        for tensor in readers[value]:
            four_bits = round_matrix(numpy_helper.to_array(tensor), moment)
            tensor.CopyFrom(numpy_helper.from_array(four_bits.matrix(), tensor.name))
            yield tensor.name, four_bits


def _second_moments(model: Any, names: Sequence[str], inputs: Sequence[Inputs]) -> Mapping[str, NDArray[np.float64]]:
    """Return the sum of x·xᵀ over all tokens for each of a graph's values; its scale is of no account."""
    sums: dict[str, NDArray[np.float64]] = {}
    runs = activations(model, names, inputs)
    while some := [*islice(runs, TOGETHER)]:
        for name in names:
            values = np.concatenate([one[name] for one in some])
            product = values.T @ values
            sums[name] = sums[name] + product if name in sums else product.astype(np.float64)
    return sums


def _round_tables(graph: Any) -> Iterator[tuple[str, FourBits]]:
    """Round the tables of embeddings, each row by itself."""
    from onnx import numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for name in {node.input[0] for node in graph.node if node.op_type == "Gather"} & weights.keys():
        tensor = weights[name]
        if len(tensor.dims) == 2 and np.prod(tensor.dims) >= MIN_VALUES:
            four_bits = round_matrix(np.ascontiguousarray(numpy_helper.to_array(tensor).T))
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(four_bits.matrix().T), name))
            yield name, four_bits


def _make_symmetric(tensors: Mapping[str, Any], name: str) -> None:
    """Let a table of embeddings, which ONNX Runtime quantises to unsigned values with a zero point, be int8."""
    from onnx import numpy_helper

    scale, zero, table = (tensors[name + ending] for ending in ("_scale", "_zero_point", QUANTISED))
    values = numpy_helper.to_array(table).astype(np.float32) - numpy_helper.to_array(zero)
    values *= numpy_helper.to_array(scale)
    largest = np.float32(np.abs(values).max() / 127)
    for tensor, value in ((scale, largest), (zero, np.int8(0)), (table, np.rint(values / largest).astype(np.int8))):
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), tensor.name))


def _pack(four_bits: FourBits, factors: NDArray[np.float32] | None, scale: NDArray[np.float32]) -> PackedMatrix:
    """Return a rounded matrix as int8 of a scale, of the whole where it is a table, else of each column."""
    is_table = factors is None
    return PackedMatrix(
        codes=pack_codes(four_bits.codes),
        multipliers=four_bits.multipliers,
        row_factors=np.ones(len(four_bits.codes), dtype=np.float32) if factors is None else factors,
        column_factors=(four_bits.units / scale).astype(np.float32),
        is_transposed=is_table,
    )


def _make_external(tensor: Any, size: int) -> None:
    """Declare an initializer as one whose values are given when the network is loaded."""
    from onnx import TensorProto

    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": WEIGHTS, "offset": "0", "length": str(size)}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
