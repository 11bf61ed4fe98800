"""int8 weights of a network that are kept in 4 bits, and are unpacked when it is loaded.

A matrix is divided into blocks of `BLOCK` values along its inputs. Each value is a code of 4 bits, times its block's
multiplier of 8 bits, times a factor of its row and one of its column: a block's scale is itself quantised, as in the
double quantisation of QLoRA (Dettmers et al., NeurIPS 2023). What comes out is rounded to int8, by whose products two
CPU cores read a dialogue twice as fast as by products with 4-bit weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WEIGHTS = "weights.npz"
"""File of the packed weights in a SEM's folder."""
BLOCK = 32
"""Values of a column that share a multiplier."""
_OFFSET = 8
"""What is added to a code, from -8 to 7, to store it."""


class PackedMatrix(NamedTuple):
    """A matrix in 4 bits; `rows` is a multiple of `BLOCK`."""

    codes: NDArray[np.uint8]
    """Two codes a byte, that of the even row in the low bits, [rows / 2, columns]."""
    multipliers: NDArray[np.uint8]
    """[rows / BLOCK, columns]."""
    row_factors: NDArray[np.float32]
    """[rows]."""
    column_factors: NDArray[np.float32]
    """[columns]."""
    is_transposed: bool = False
    """Whether the network has it as [columns, rows]: a table of embeddings, whose rows are read one by one."""

    def unpack(self) -> NDArray[np.int8]:
        """Return the int8 matrix as the network has it."""
        rows, columns = len(self.row_factors), len(self.column_factors)
        codes = np.empty((rows // 2, 2, columns), dtype=np.float32)
        codes[:, 0], codes[:, 1] = self.codes & 15, self.codes >> 4
        values = codes.reshape(rows // BLOCK, BLOCK, columns)
        values -= _OFFSET
        values *= self.multipliers[:, None] * self.column_factors
        values *= self.row_factors.reshape(-1, BLOCK, 1)
        np.rint(values, out=values)
        matrix = np.clip(values, -127, 127, out=values).astype(np.int8).reshape(rows, columns)
        return np.ascontiguousarray(matrix.T) if self.is_transposed else matrix


def pack_codes(codes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return codes from -8 to 7, [rows, columns], two a byte."""
    shifted: NDArray[np.uint8] = (codes + _OFFSET).astype(np.uint8)
    return np.bitwise_or(shifted[0::2], np.left_shift(shifted[1::2], np.uint8(4)))


def write_packed(path: Path, matrices: Mapping[str, PackedMatrix]) -> None:
    """Write matrices by the names of the network's initializers."""
    arrays = {f"{name}.{part}": array for name, one in matrices.items() for part, array in one._asdict().items()}
    np.savez(path, **arrays)


def unpack_weights(path: Path) -> dict[str, NDArray[np.int8]]:
    """Return the int8 weights of a file by the names of the network's initializers.

    Raises:
        ValueError: The file is damaged.
    """
    with np.load(path, allow_pickle=False) as file:
        parts: dict[str, dict[str, Any]] = {}
        for key in file.files:
            name, _, part = key.rpartition(".")
            parts.setdefault(name, {})[part] = file[key]
    try:
        matrices = {name: PackedMatrix(**arrays) for name, arrays in parts.items()}
    except TypeError as error:
        raise ValueError(f"{path.name} holds no packed matrices") from error
    with ThreadPoolExecutor(2) as threads:
        return dict(zip(matrices, threads.map(PackedMatrix.unpack, matrices.values()), strict=True))
