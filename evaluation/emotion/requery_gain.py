"""Whether a second look at the dialogue helps where the first one is unsure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Reading, View, apply_view
from ...data.conversations import Sample
from ...nodes.deciding.decision import pool_rounds
from ...sem import Sem
from ...sem.runtime.calibration import SECOND_VIEWS
from ..metrics import DIFFERENCE, Estimate, mean_estimate
from .prediction import Prediction, Report

SHARE = 1 / 3
"""Which part of the samples counts as unsure."""


class RequeryGain(BaseModel):
    """Accuracy on the least certain samples, with the first look alone and with another view pooled in."""

    model_config = ConfigDict(frozen=True)

    view: View = Field(description="What the second look saw")
    samples: int = Field(description="Listener turns, those with the least probable first choice")
    conversations: int = Field(description="Conversations they come from")
    differing: int = Field(description="Samples whose view has other turns than the whole dialogue")
    confidence: float = Field(description="No first choice among them is more probable")
    first: Estimate = Field(description="Accuracy of the first look")
    both: Estimate = Field(description="Accuracy of both looks, pooled as the graph pools rounds")
    gain: Estimate = Field(description="Second minus first; drawn in pairs")


def evaluate_second_look(
    sem: Sem,
    samples: Sequence[Sample],
    found: Sequence[Prediction],
    *,
    views: Sequence[View] = SECOND_VIEWS,
    report: Report = lambda done, total: None,
) -> list[RequeryGain]:
    """Look again at the third of the samples where the first look was least certain.

    Args:
        sem: What looks.
        samples: What it looked at.
        found: What it read at its first look, one prediction a sample.
        views: What it looks at again, one report each.
        report: Told of the progress.
    """
    certain = [max(row.distribution.values()) for row in found]
    count = max(1, round(len(samples) * SHARE))
    unsure = sorted(sorted(range(len(samples)), key=lambda row: certain[row])[:count])
    chosen = [samples[row] for row in unsure]
    first = [Reading(distribution=dict(found[row].distribution)) for row in unsure]
    reports: list[RequeryGain] = []
    for number, view in enumerate(views):
        again: list[Reading] = []
        for start in range(0, len(chosen), 64):
            part = [sample.turns for sample in chosen[start : start + 64]]
            looks: list[View] = [view] * len(part)
            again += sem.read(part, views=looks)
            report(number * len(chosen) + len(again), len(views) * len(chosen))
        reports.append(_compare(chosen, first, again, view, max(certain[row] for row in unsure)))
    return reports


def _compare(
    samples: Sequence[Sample], first: Sequence[Reading], again: Sequence[Reading], view: View, confidence: float
) -> RequeryGain:
    groups = [sample.conv_id for sample in samples]
    before = np.array([_first(one.distribution) == held.emotion for one, held in zip(first, samples, strict=True)])
    pooled = [pool_rounds(pair) for pair in zip(first, again, strict=True)]
    after = np.array([_first(row) == held.emotion for row, held in zip(pooled, samples, strict=True)])
    return RequeryGain(
        view=view,
        samples=len(samples),
        conversations=len(set(groups)),
        differing=sum(_differs(sample, view) for sample in samples),
        confidence=confidence,
        first=mean_estimate(before.astype(float), groups),
        both=mean_estimate(after.astype(float), groups),
        gain=mean_estimate(after.astype(float) - before, groups, bounds=DIFFERENCE),
    )


def _first(distribution: dict[str, float]) -> str:
    return min(distribution, key=lambda label: (-distribution[label], label))


def _differs(sample: Sample, view: View) -> bool:
    return apply_view(sample.turns, view) != list(sample.turns)
