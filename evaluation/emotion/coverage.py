"""How often prediction sets hold the true emotion, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...data.conversations import Sample
from ..metrics import POSITIVE, Estimate, mean_estimate

CONTEXTS = {"all": "all contexts", "one_turn": "one turn", "more_turns": "several turns"}
"""The groups of contexts that figures are given for, and how they are called."""


class SetFigures(BaseModel):
    """Prediction sets of one coverage on one group of contexts."""

    model_config = ConfigDict(frozen=True)

    samples: int = Field(description="Listener turns")
    coverage: Estimate = Field(description="How often the set holds the true emotion")
    size: Estimate = Field(description="Mean number of emotions in a set")


def set_figures(sets: Sequence[Sequence[str]], samples: Sequence[Sample]) -> dict[str, SetFigures]:
    """Return the figures over all contexts, over those of one turn and over longer ones.

    Args:
        sets: The emotions in each sample's set.
        samples: What they were read from.
    """
    held = np.array([sample.emotion in found for found, sample in zip(sets, samples, strict=True)], dtype=float)
    sizes = np.array([len(found) for found in sets], dtype=float)
    figures: dict[str, SetFigures] = {}
    for name, rows in groups(samples).items():
        conversations = [samples[row].conv_id for row in rows]
        figures[name] = SetFigures(
            samples=len(rows),
            coverage=mean_estimate(held[rows], conversations),
            size=mean_estimate(sizes[rows], conversations, bounds=POSITIVE),
        )
    return figures


def groups(samples: Sequence[Sample]) -> dict[str, list[int]]:
    """Return the places of the samples in each group of `CONTEXTS` that has any."""
    single = [row for row, sample in enumerate(samples) if len(sample.turns) == 1]
    longer = [row for row, sample in enumerate(samples) if len(sample.turns) != 1]
    named = {"all": list(range(len(samples))), "one_turn": single, "more_turns": longer}
    return {name: rows for name, rows in named.items() if rows}
