"""Gain of calibrating a SEM on a file of conversations, measured by cross-fitting over the conversations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from ..contract.numerics import Array, Indices
from ..data.conversations import Sample, conversation_folds
from ..sem.distribution import primary_emotions
from ..sem.runtime.calibration import Calibration, PredictionSets, fit_calibration, fit_prediction_sets
from .emotion.emotion_metrics import SetMetrics, context_groups, set_metrics
from .metrics import Estimate, accuracy_estimates, expected_calibration_error, likelihood_estimate

COVERAGES = (0.8, 0.9, 0.95)
"""Coverages at which prediction sets are measured."""


class ContextCalibration(BaseModel, frozen=True):
    """Calibration on one group of contexts."""

    samples: int = Field(description="Listener turns")
    before: Estimate = Field(description="Expected calibration error (15 bins) of the SEM before")
    ece: Estimate = Field(description="The same after calibration, on conversations it was not fitted on")


class CalibrationReport(BaseModel, frozen=True):
    """A calibration fitted on a file, and its cross-fitted metrics."""

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Listener turns")
    conversations: int = Field(description="Conversations they come from")
    folds: int = Field(description="Number of parts in which the conversations were left out in turn")
    slopes: tuple[float, ...] = Field(description="Fitted on all; slope of the calibrated log-probability, per nat")
    nll_before: Estimate = Field(description="Mean negative log-probability of the true label before, in nats")
    nll: Estimate = Field(description="The same, cross-fitted")
    contexts: dict[str, ContextCalibration] = Field(description="Calibration error over groups of contexts")
    floor: float = Field(
        description="The calibration error that so many samples would show if the probabilities were exactly right"
    )
    sets: dict[str, dict[str, SetMetrics]] = Field(
        description="Coverage -> group of contexts -> cross-fitted prediction sets"
    )


def calibrate(logits: Array, samples: Sequence[Sample], labels: Sequence[str]) -> tuple[Calibration, PredictionSets]:
    """Fit calibration and prediction sets on a network's logits, [samples, labels]."""
    targets = _targets(samples, labels)
    calibration = fit_calibration(logits, targets)
    turns = [len(sample.turns) for sample in samples]
    return calibration, fit_prediction_sets(calibration.probabilities(logits), targets, turns)


def cross_fit(
    logits: Array,
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    sem: str,
    before: Calibration,
    folds: int = 10,
    seed: int = 0,
) -> CalibrationReport:
    """Fit on all folds but one, predict that one, and return the metrics over all of them.

    The folds are parts of the conversations, fewer where there are fewer conversations; `before` is the calibration
    that the SEM of these logits, [samples, labels], had.

    Raises:
        SetupError: All samples come from one conversation.
    """
    conversations = [sample.conv_id for sample in samples]
    fold, folds = np.array(conversation_folds(conversations, folds, seed)), min(folds, len(set(conversations)))
    probabilities = np.zeros_like(logits)
    sets: dict[float, list[tuple[str, ...]]] = {coverage: [()] * len(samples) for coverage in COVERAGES}
    for number in range(folds):
        fitting, measured = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        calibration, thresholds = calibrate(logits[fitting], [samples[row] for row in fitting], labels)
        probabilities[measured] = calibration.probabilities(logits[measured])
        for row in measured:
            distribution = dict(zip(labels, probabilities[row].tolist(), strict=True))
            for coverage, emotions in sets.items():
                emotions[row] = primary_emotions(distribution, coverage, thresholds, len(samples[row].turns))
    targets, uncalibrated = _targets(samples, labels), before.probabilities(logits)

    def error(values: Array, rows: list[int]) -> Estimate:
        predicted, clusters = values[rows].argmax(axis=1), [conversations[row] for row in rows]
        return accuracy_estimates(values[rows], predicted, targets[rows], clusters)["ece"]

    return CalibrationReport(
        sem=sem,
        samples=len(samples),
        conversations=len(set(conversations)),
        folds=folds,
        slopes=calibrate(logits, samples, labels)[0].slopes,
        nll_before=likelihood_estimate(uncalibrated, targets, conversations),
        nll=likelihood_estimate(probabilities, targets, conversations),
        contexts={
            name: ContextCalibration(
                samples=len(rows), before=error(uncalibrated, rows), ece=error(probabilities, rows)
            )
            for name, rows in context_groups(samples).items()
        },
        floor=_expected_floor(probabilities, seed),
        sets={str(coverage): set_metrics(emotions, samples) for coverage, emotions in sets.items()},
    )


def _targets(samples: Sequence[Sample], labels: Sequence[str]) -> Indices:
    return np.array([labels.index(sample.emotion) for sample in samples])


def _expected_floor(probabilities: Array, seed: int, draws: int = 50) -> float:
    """Return the mean calibration error over labels drawn from the probabilities themselves."""
    rng = np.random.default_rng(seed)
    confidence = probabilities.max(axis=1)
    correct = (rng.random((draws, len(probabilities))) < confidence).astype(float)
    return float(np.mean([expected_calibration_error(confidence, row) for row in correct]))
