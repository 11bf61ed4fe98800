"""Batches of samples of similar length."""

from __future__ import annotations

import random
from collections.abc import Sequence


def batches(lengths: Sequence[int], size: int, seed: str, pool: int = 200) -> list[list[int]]:
    """Return shuffled batches of indices whose rows have similar lengths.

    Rows are shuffled, sorted by length within pools of `pool` batches, and the batches are
    shuffled again: little padding, yet another order each pass.
    """
    chance = random.Random(seed)
    order = list(range(len(lengths)))
    chance.shuffle(order)
    made: list[list[int]] = []
    for start in range(0, len(order), size * pool):
        part = sorted(order[start : start + size * pool], key=lambda i: lengths[i])
        made += [part[i : i + size] for i in range(0, len(part), size)]
    chance.shuffle(made)
    return made
