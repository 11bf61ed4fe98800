"""Which turns of a dialogue are about the last one's subject, from scores of their tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .encoding import Encoded
from .manifest import ScoreScale

SAME_TOPIC_FROM = 0.55
"""Probability from which on a turn counts as being about the last one's subject."""


def topic_turns(encoded: Encoded, scores: NDArray[np.float32], scale: ScoreScale) -> tuple[int, ...]:
    """Return the indices of these turns, rising, the last one always among them; empty where all that were read are.

    Args:
        encoded: The dialogue.
        scores: The network's score of each token, [tokens], with or without padding.
        scale: From the mean score of a turn to a probability.
    """
    means = turn_means(encoded, scores)
    last = max(means, default=0)
    same = [turn for turn, mean in means.items() if turn == last or scale.probability(mean) >= SAME_TOPIC_FROM]
    return tuple(same) if len(same) < len(means) else ()


def turn_means(encoded: Encoded, scores: NDArray[np.float32]) -> dict[int, float]:
    """Return the mean score of each turn that was read, in the order of turns.

    Args:
        encoded: The dialogue.
        scores: A score of each token, [tokens], with or without padding.
    """
    by_turn: dict[int, list[float]] = {}
    for offset, score in zip(encoded.offsets, scores.tolist(), strict=False):
        if offset:
            by_turn.setdefault(offset[0], []).append(score)
    return {turn: sum(values) / len(values) for turn, values in by_turn.items()}
