"""Rounding of a matrix to 4 bits so that its products change least (GPTQ, Frantar et al., ICLR 2023)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....sem.runtime.packed_weights import BLOCK

Array = NDArray[np.float32]
LOWEST, HIGHEST = -8, 7
"""Codes of 4 bits."""
DAMPING = 0.01
"""Share of the Hessian's mean diagonal that is added to it, so that it can be inverted."""
_SHRINKING = np.linspace(0.7, 1.0, 13, dtype=np.float32)
"""Scales that are tried, in shares of the one that reaches a block's largest value: a smaller one cuts that value off
and rounds the others more finely."""
_MULTIPLIERS = 255


class FourBits(NamedTuple):
    """A rounded matrix: `codes` · `multipliers` of their block · `units` of their column."""

    codes: NDArray[np.int8]
    """From `LOWEST` to `HIGHEST`, [rows, columns]."""
    multipliers: NDArray[np.uint8]
    """[rows / BLOCK, columns]."""
    units: Array
    """[columns]."""

    def matrix(self) -> Array:
        """Return the values, [rows, columns]."""
        rows, columns = self.codes.shape
        blocks = self.codes.reshape(-1, BLOCK, columns).astype(np.float32)
        blocks *= (self.multipliers * self.units)[:, None]
        return blocks.reshape(rows, columns)


def round_matrix(matrix: Array, hessian: NDArray[np.float64] | None = None) -> FourBits:
    """Return a matrix in 4 bits.

    Args:
        matrix: Shape [rows, columns], `rows` a multiple of `BLOCK`.
        hessian: The sum of x·xᵀ over the matrix's inputs, [rows, rows]: what rounding one row loses is made up for in
            the rows below it. None rounds each value to the nearest code.
    """
    rest = matrix.astype(np.float32).copy()
    units: Array = (np.maximum(np.abs(matrix).max(axis=0), 1e-8) / HIGHEST / _MULTIPLIERS).astype(np.float32)
    codes = np.empty(matrix.shape, dtype=np.int8)
    multipliers = np.empty((len(matrix) // BLOCK, matrix.shape[1]), dtype=np.uint8)
    corrections = None if hessian is None else _corrections(hessian)
    for number, first in enumerate(range(0, len(matrix), BLOCK)):
        block = rest[first : first + BLOCK]
        multipliers[number] = _multipliers(block, units)
        scale = multipliers[number] * units
        errors = np.zeros_like(block)
        for row in range(BLOCK):
            codes[first + row] = np.clip(np.rint(block[row] / scale), LOWEST, HIGHEST)
            if corrections is not None:
                errors[row] = (block[row] - codes[first + row] * scale) / corrections[first + row, first + row]
                onward = corrections[first + row, first + row + 1 : first + BLOCK]
                block[row + 1 :] -= onward[:, None] * errors[row]
        if corrections is not None:
            rest[first + BLOCK :] -= corrections[first : first + BLOCK, first + BLOCK :].T @ errors
    return FourBits(codes, multipliers, units)


def _multipliers(block: Array, units: Array) -> NDArray[np.uint8]:
    """Return for each column the multiplier with the least squared error of a block."""
    largest = np.abs(block).max(axis=0)
    best, least = np.ones(len(units), dtype=np.uint8), np.full(len(units), np.inf, dtype=np.float32)
    for share in _SHRINKING:
        multipliers = np.clip(np.rint(share * largest / HIGHEST / units), 1, _MULTIPLIERS).astype(np.uint8)
        scale = multipliers * units
        error = ((np.clip(np.rint(block / scale), LOWEST, HIGHEST) * scale - block) ** 2).sum(axis=0)
        is_better = error < least
        best[is_better], least[is_better] = multipliers[is_better], error[is_better]
    return best


def _corrections(hessian: NDArray[np.float64]) -> Array:
    """Return the upper Cholesky factor of the damped Hessian's inverse, [rows, rows]."""
    damped = hessian + np.eye(len(hessian)) * max(DAMPING * float(np.diag(hessian).mean()), 1e-12)
    inverse = np.linalg.inv(damped)
    return np.linalg.cholesky((inverse + inverse.T) / 2).T.astype(np.float32)
