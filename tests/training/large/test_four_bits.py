"""Matrices in 4 bits: what rounding keeps, and what is packed is what is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hef.sem.runtime.packed_weights import BLOCK, PackedMatrix, pack_codes, unpack_weights, write_packed
from hef.training.sem.large.four_bits import HIGHEST, LOWEST, FourBits, round_matrix

ROWS, COLUMNS = 4 * BLOCK, 24


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)


def test_a_value_is_at_most_half_a_step_or_the_cut_of_its_block_away(matrix: np.ndarray) -> None:
    rounded = round_matrix(matrix)

    steps = np.repeat(rounded.multipliers * rounded.units, BLOCK, axis=0)
    assert (np.abs(rounded.codes) <= -LOWEST).all()
    is_inside = (matrix / steps <= HIGHEST) & (matrix / steps >= LOWEST)
    assert (np.abs(rounded.matrix() - matrix)[is_inside] <= steps[is_inside] / 2 + 1e-6).all()
    assert np.linalg.norm(rounded.matrix() - matrix) < 0.1 * np.linalg.norm(matrix)


def test_a_block_of_small_values_keeps_them_beside_a_large_one(matrix: np.ndarray) -> None:
    uneven = matrix.copy()
    uneven[:BLOCK] *= 0.05

    rounded = round_matrix(uneven).matrix()

    assert np.linalg.norm(rounded[:BLOCK] - uneven[:BLOCK]) < 0.12 * np.linalg.norm(uneven[:BLOCK])


def test_by_its_inputs_a_matrix_is_rounded_so_that_its_products_change_less(matrix: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    inputs = (rng.normal(size=(2000, 12)) @ rng.normal(size=(12, ROWS))).astype(np.float32)
    moment = inputs.T.astype(np.float64) @ inputs / len(inputs)

    def loss(rounded: FourBits) -> float:
        return float(np.linalg.norm(inputs @ (rounded.matrix() - matrix)))

    assert loss(round_matrix(matrix, moment)) < 0.5 * loss(round_matrix(matrix))


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not round_matrix(np.zeros((BLOCK, 3), dtype=np.float32)).matrix().any()


@pytest.mark.parametrize("is_transposed", [False, True])
def test_what_is_written_is_read_as_int8_of_a_scale(matrix: np.ndarray, tmp_path: Path, is_transposed: bool) -> None:
    rounded = round_matrix(matrix)
    factors = np.linspace(0.5, 2, ROWS, dtype=np.float32)
    scales = (np.abs(rounded.matrix() * factors[:, None]).max(axis=0) / 127).astype(np.float32)
    packed = PackedMatrix(
        pack_codes(rounded.codes), rounded.multipliers, factors, rounded.units / scales, is_transposed
    )

    write_packed(tmp_path / "weights.npz", {"a.b_quantized": packed})
    int8 = unpack_weights(tmp_path / "weights.npz")["a.b_quantized"]

    assert int8.dtype == np.int8
    expected = rounded.matrix() * factors[:, None] / scales
    assert np.abs((int8.T if is_transposed else int8) - expected).max() <= 0.51
    assert packed.codes.nbytes + packed.multipliers.nbytes == ROWS * COLUMNS * (4 + 8 / BLOCK) / 8


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **{"a.codes": np.zeros(3, dtype=np.uint8)})

    with pytest.raises(ValueError, match="no packed matrices"):
        unpack_weights(tmp_path / "weights.npz")
