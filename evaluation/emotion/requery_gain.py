"""Gain of reading a dialogue again in another view where the first reading is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from pydantic import BaseModel, Field

from ...contract import Reading, View, apply_view
from ...contract.progress import Progress, ignore_progress, map_batches
from ...data.conversations import Sample
from ...nodes.deciding.decision import pool_rounds
from ...sem import Sem
from ...sem.runtime.calibration import SECOND_VIEWS
from ..metrics import DIFFERENCE, Estimate, mean_estimate
from .emotion_metrics import Prediction

UNSURE_SHARE = 1 / 3
"""Share of the samples that counts as unsure."""


class RequeryGain(BaseModel, frozen=True):
    """Accuracy on the least certain samples, of the first reading and with another view pooled in."""

    view: View = Field(description="The view of the second reading")
    samples: int = Field(description="Listener turns, those with the least probable first choice")
    conversations: int = Field(description="Conversations they come from")
    differing: int = Field(description="Samples whose view has other turns than the dialogue")
    confidence: float = Field(description="Highest probability of a first choice among them")
    first: Estimate = Field(description="Accuracy of the first reading")
    both: Estimate = Field(description="Accuracy of both readings, pooled as the graph pools rounds")
    gain: Estimate = Field(description="Second minus first; a paired difference")


def evaluate_second_look(
    sem: Sem,
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    *,
    views: Sequence[View] = SECOND_VIEWS,
    progress: Progress = ignore_progress,
) -> list[RequeryGain]:
    """Read again the third of the samples where the SEM's first readings were least certain; one report per view."""
    certainty = [max(row.distribution.values()) for row in predictions]
    count = max(1, round(len(samples) * UNSURE_SHARE))
    rows = sorted(sorted(range(len(samples)), key=lambda row: certainty[row])[:count])
    unsure = [samples[row] for row in rows]
    first = [Reading(distribution=dict(predictions[row].distribution)) for row in rows]
    confidence = max(certainty[row] for row in rows)
    reports: list[RequeryGain] = []
    for view in views:
        read = partial(_read_view, sem, view)
        second = map_batches(read, unsure, task="second look", progress=progress)
        reports.append(_compare(unsure, first, second, view, confidence))
    return reports


def _read_view(sem: Sem, view: View, samples: Sequence[Sample]) -> list[Reading]:
    views: list[View] = [view] * len(samples)
    return sem.read([sample.turns for sample in samples], views=views)


def _compare(
    samples: Sequence[Sample], first: Sequence[Reading], second: Sequence[Reading], view: View, confidence: float
) -> RequeryGain:
    conversations = [sample.conv_id for sample in samples]
    labels = [sample.emotion for sample in samples]
    pooled = [Reading(distribution=pool_rounds(readings)) for readings in zip(first, second, strict=True)]
    before, after = (
        np.array([row.ranked[0] == label for row, label in zip(readings, labels, strict=True)], dtype=float)
        for readings in (first, pooled)
    )
    return RequeryGain(
        view=view,
        samples=len(samples),
        conversations=len(set(conversations)),
        differing=sum(apply_view(sample.turns, view) != list(sample.turns) for sample in samples),
        confidence=confidence,
        first=mean_estimate(before, conversations),
        both=mean_estimate(after, conversations),
        gain=mean_estimate(after - before, conversations, bounds=DIFFERENCE),
    )
