"""How often the emotion is right: the SEM alone, the LLM alone, and HEF, on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...data.conversations import Sample
from ...sem import Sem
from ...sem.distribution import primary_emotions
from ...sem.runtime.prediction_sets import PredictionSets
from ..metrics import BINS, Array, Estimate, bin_of, estimates, likelihood_estimate
from .confusion import Confusion, LabelFigures
from .coverage import SetFigures, set_figures
from .prediction import Prediction, Report
from .stage_metrics import StageMetrics

COVERAGE = 0.9
"""The coverage that prediction sets are measured at."""


Predict: TypeAlias = Callable[[Sequence[Sample]], list[Prediction]]
"""From a part of the samples to their predictions."""


class ReliabilityBin(BaseModel):
    """The samples whose decided label has a probability within the bounds of a bin."""

    model_config = ConfigDict(frozen=True)

    samples: int = Field(description="How many there are; bins without any are left out")
    confidence: float = Field(description="Mean probability of the decided label")
    accuracy: float = Field(description="How often it is right")


class EmotionReport(BaseModel):
    """How well one strategy read the emotion."""

    model_config = ConfigDict(frozen=True)

    strategy: str = Field(description="How the emotion was decided")
    sem: str | None = Field(description="Name of the SEM, where one took part")
    model: str | None = Field(description="Name of the LLM, where one took part")
    samples: int = Field(description="Listener turns; the input is all turns before each")
    conversations: int = Field(description="Conversations they come from")
    seconds: float = Field(description="Time for all samples")
    top1: Estimate = Field(description="Accuracy")
    top3: Estimate = Field(description="How often the label is among the three most probable")
    top5: Estimate = Field(description="How often the label is among the five most probable")
    ece: Estimate = Field(description="Expected calibration error, 15 bins")
    nll: Estimate = Field(description="Mean negative log-probability of the true label in nats")
    sets: dict[str, SetFigures] | None = Field(
        description="Prediction sets of coverage 0.9, over groups of contexts; None where the SEM has none"
    )
    reliability: tuple[ReliabilityBin, ...] = Field(description="The bins behind the calibration error")
    by_emotion: dict[str, LabelFigures] = Field(description="Figures of each emotion")
    confusion: Confusion = Field(description="What was read for what")
    course: StageMetrics | None = Field(
        default=None, description="How the turns went; None where only results are known"
    )


def predict_all(
    predict: Predict, samples: Sequence[Sample], *, part: int = 64, report: Report = lambda done, total: None
) -> list[Prediction]:
    """Predict all samples, a part at a time, telling the progress."""
    found: list[Prediction] = []
    for start in range(0, len(samples), part):
        found += predict(samples[start : start + part])
        report(len(found), len(samples))
    return found


def report_emotion(
    found: Sequence[Prediction],
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    strategy: str,
    seconds: float,
    sem: str | None = None,
    model: str | None = None,
    sets: PredictionSets | None = None,
    course: StageMetrics | None = None,
) -> EmotionReport:
    """Compare predictions with the labels of their samples.

    Args:
        found: One prediction a sample.
        samples: What they were made from.
        labels: The taxonomy.
        strategy: Name of what is measured.
        seconds: How long it took.
        sem: Name of the SEM.
        model: Name of the LLM.
        sets: Thresholds that belong to these distributions, where there are any.
        course: How the turns went.
    """
    shares = np.array([[row.distribution.get(label, 0.0) for label in labels] for row in found])
    chosen = np.array([labels.index(row.emotion) for row in found])
    wanted = np.array([labels.index(sample.emotion) for sample in samples])
    groups = [sample.conv_id for sample in samples]
    confusion = Confusion.of(chosen, wanted, labels)
    return EmotionReport(
        strategy=strategy,
        sem=sem,
        model=model,
        samples=len(samples),
        conversations=len(set(groups)),
        seconds=round(seconds, 2),
        **estimates(shares, chosen, wanted, groups),
        nll=likelihood_estimate(shares, wanted, groups),
        sets=set_figures(_sets(found, samples, sets), samples) if sets else None,
        reliability=_reliability(shares[np.arange(len(chosen)), chosen], (chosen == wanted).astype(float)),
        by_emotion=confusion.by_emotion,
        confusion=confusion,
        course=course,
    )


def predict_with_sem(sem: Sem) -> Predict:
    """Return a prediction by the SEM alone, batched."""

    def predict(samples: Sequence[Sample]) -> list[Prediction]:
        readings = sem.read([sample.turns for sample in samples])
        return [Prediction(reading.ranked[0], reading.distribution) for reading in readings]

    return predict


def _sets(found: Sequence[Prediction], samples: Sequence[Sample], sets: PredictionSets | None) -> list[tuple[str, ...]]:
    pairs = zip(found, samples, strict=True)
    return [primary_emotions(row.distribution, COVERAGE, sets, len(sample.turns)) for row, sample in pairs]


def _reliability(confidence: Array, correct: Array) -> tuple[ReliabilityBin, ...]:
    place = bin_of(confidence)
    return tuple(
        ReliabilityBin(
            samples=int(held.sum()), confidence=float(confidence[held].mean()), accuracy=float(correct[held].mean())
        )
        for held in (place == number for number in range(BINS))
        if held.any()
    )
