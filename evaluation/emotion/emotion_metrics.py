"""Metrics of emotion predictions: accuracy, calibration, prediction sets, and the confusion between labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from ...contract.errors import needs_extra
from ...contract.numerics import Array, Indices
from ...data.conversations import Sample
from ...sem.distribution import primary_emotions
from ...sem.runtime.calibration import PredictionSets
from ..metrics import BINS, POSITIVE, Estimate, accuracy_estimates, bin_indices, likelihood_estimate, mean_estimate
from .stage_metrics import StageMetrics

COVERAGE = 0.9
"""The coverage that prediction sets are measured at."""
CONTEXTS = {"all": "all contexts", "one_turn": "one turn", "more_turns": "several turns"}
"""The groups of contexts that metrics of prediction sets are reported for, and their titles."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A decision, and the probabilities behind it."""

    emotion: str
    """The decided label; not always the most probable one, where the LLM decides."""
    distribution: Mapping[str, float]
    """Label -> probability."""


class ReliabilityBin(BaseModel, frozen=True):
    """The samples whose decided label has a probability within the bounds of a bin."""

    samples: int = Field(description="Number of samples; empty bins are left out")
    confidence: float = Field(description="Mean probability of the decided label")
    accuracy: float = Field(description="How often it is right")


class LabelMetrics(BaseModel, frozen=True):
    """How well one emotion is recognised."""

    precision: float = Field(description="How often it is true where it is predicted; 0 where it never is")
    recall: float = Field(description="How often it is predicted where it is true; 0 where it never is")
    f1: float = Field(description="Harmonic mean of both")
    samples: int = Field(description="How often it is true")


class Confusion(BaseModel, frozen=True):
    """How often each emotion was predicted for each."""

    labels: tuple[str, ...] = Field(description="The emotions, in the order of rows and columns")
    counts: tuple[tuple[int, ...], ...] = Field(description="A row per true emotion, a column per predicted one")

    @property
    def row_normalised(self) -> Array:
        """The counts with each row scaled to sum to 1, [true, predicted]; a row without samples is 0."""
        counts = np.array(self.counts, dtype=np.float64)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    def by_similarity(self) -> list[int]:
        """Return an order of the labels in which those that are confused with each other are neighbours.

        Agglomerative: the two groups with the highest mean confusion between their labels are joined first, and
        oriented so that labels that meet are similar (Bar-Joseph et al., 2001).
        """
        from scipy.cluster.hierarchy import leaves_list, linkage
        from scipy.spatial.distance import squareform

        confused = self.row_normalised + self.row_normalised.T
        distances = squareform(confused.max() - confused, checks=False)
        order: list[int] = leaves_list(linkage(distances, "average", optimal_ordering=True)).tolist()
        return order


class SetMetrics(BaseModel, frozen=True):
    """Prediction sets of one coverage on one group of contexts."""

    samples: int = Field(description="Listener turns")
    coverage: Estimate = Field(description="How often the set contains the true emotion")
    size: Estimate = Field(description="Mean number of emotions in a set")


class EmotionReport(BaseModel, frozen=True):
    """How well one strategy recognised the emotion."""

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
    sets: dict[str, SetMetrics] | None = Field(
        description="Prediction sets of coverage 0.9, over groups of contexts; None where the SEM has none"
    )
    reliability: tuple[ReliabilityBin, ...] = Field(description="The bins behind the calibration error")
    by_emotion: dict[str, LabelMetrics] = Field(description="Metrics of each emotion")
    confusion: Confusion = Field(description="How often each emotion was predicted for each")
    stages: StageMetrics | None = Field(
        default=None, description="How the decisions were reached; None where only predictions are known"
    )


def report_emotion(
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    strategy: str,
    seconds: float,
    sem: str | None = None,
    model: str | None = None,
    sets: PredictionSets | None = None,
    stages: StageMetrics | None = None,
) -> EmotionReport:
    """Compare predictions, one per sample, with the labels of their samples; the fields of the report say the rest.

    The sets are the thresholds that belong to these distributions, where there are any.

    Raises:
        SetupError: scikit-learn is not installed.
    """
    probabilities = np.array([[row.distribution.get(label, 0.0) for label in labels] for row in predictions])
    predicted = np.array([labels.index(row.emotion) for row in predictions])
    targets = np.array([labels.index(sample.emotion) for sample in samples])
    conversations = [sample.conv_id for sample in samples]
    by_emotion, confusion = compare_labels(predicted, targets, labels)
    return EmotionReport(
        strategy=strategy,
        sem=sem,
        model=model,
        samples=len(samples),
        conversations=len(set(conversations)),
        seconds=round(seconds, 2),
        **accuracy_estimates(probabilities, predicted, targets, conversations),
        nll=likelihood_estimate(probabilities, targets, conversations),
        sets=set_metrics(_prediction_sets(predictions, samples, sets), samples) if sets else None,
        reliability=_reliability(probabilities[np.arange(len(predicted)), predicted], (predicted == targets) * 1.0),
        by_emotion=by_emotion,
        confusion=confusion,
        stages=stages,
    )


def compare_labels(
    predicted: Indices, targets: Indices, labels: Sequence[str]
) -> tuple[dict[str, LabelMetrics], Confusion]:
    """Return the metrics of each label and the confusion between labels, both by scikit-learn, from label indices.

    Raises:
        SetupError: scikit-learn is not installed.
    """
    metrics, indices = sklearn_metrics(), list(range(len(labels)))
    columns = metrics.precision_recall_fscore_support(targets, predicted, labels=indices, zero_division=0)
    rows = zip(labels, *(column.tolist() for column in columns), strict=True)
    by_label = {
        label: LabelMetrics(precision=precision, recall=recall, f1=f1, samples=samples)
        for label, precision, recall, f1, samples in rows
    }
    counts = metrics.confusion_matrix(targets, predicted, labels=indices).tolist()
    return by_label, Confusion(labels=tuple(labels), counts=counts)


def sklearn_metrics() -> Any:
    """Return the module `sklearn.metrics`.

    Raises:
        SetupError: scikit-learn is not installed.
    """
    with needs_extra("evaluate", "emotion metrics need scikit-learn"):
        from sklearn import metrics
    return metrics


def set_metrics(sets: Sequence[Sequence[str]], samples: Sequence[Sample]) -> dict[str, SetMetrics]:
    """Return coverage and size of each sample's prediction set over all contexts, those of one turn and longer ones."""
    hits = np.array([sample.emotion in emotions for emotions, sample in zip(sets, samples, strict=True)], dtype=float)
    sizes = np.array([len(emotions) for emotions in sets], dtype=float)
    metrics: dict[str, SetMetrics] = {}
    for name, rows in context_groups(samples).items():
        conversations = [samples[row].conv_id for row in rows]
        metrics[name] = SetMetrics(
            samples=len(rows),
            coverage=mean_estimate(hits[rows], conversations),
            size=mean_estimate(sizes[rows], conversations, bounds=POSITIVE),
        )
    return metrics


def context_groups(samples: Sequence[Sample]) -> dict[str, list[int]]:
    """Return the indices of the samples in each group of `CONTEXTS` that is not empty."""
    single = [row for row, sample in enumerate(samples) if len(sample.turns) == 1]
    longer = [row for row, sample in enumerate(samples) if len(sample.turns) != 1]
    groups = {"all": list(range(len(samples))), "one_turn": single, "more_turns": longer}
    return {name: rows for name, rows in groups.items() if rows}


def _prediction_sets(
    predictions: Sequence[Prediction], samples: Sequence[Sample], sets: PredictionSets | None
) -> list[tuple[str, ...]]:
    pairs = zip(predictions, samples, strict=True)
    return [primary_emotions(row.distribution, COVERAGE, sets, len(sample.turns)) for row, sample in pairs]


def _reliability(confidence: Array, correct: Array) -> tuple[ReliabilityBin, ...]:
    bins = bin_indices(confidence)
    return tuple(
        ReliabilityBin(
            samples=int(rows.sum()), confidence=float(confidence[rows].mean()), accuracy=float(correct[rows].mean())
        )
        for rows in (bins == number for number in range(BINS))
        if rows.any()
    )
