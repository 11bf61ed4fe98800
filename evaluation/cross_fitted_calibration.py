"""What calibrating a SEM on a file is worth, measured by cross-fitting over its conversations."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..contract import SetupError
from ..contract.numerics import Array
from ..data.conversations import Sample
from ..sem.distribution import primary_emotions
from ..sem.runtime.calibration import Calibration, fit_calibration, fit_prediction_sets
from ..sem.runtime.prediction_sets import PredictionSets
from .emotion.coverage import SetFigures, groups, set_figures
from .metrics import Estimate, Indices, estimates, expected_calibration_error, likelihood_estimate

COVERAGES = (0.8, 0.9, 0.95)
"""The coverages that are measured."""


class ContextFigures(BaseModel):
    """Calibration on one group of contexts."""

    model_config = ConfigDict(frozen=True)

    samples: int = Field(description="Listener turns")
    before: Estimate = Field(description="Expected calibration error (15 bins) of the SEM as it was")
    ece: Estimate = Field(description="The same once it is calibrated, on conversations it was not fitted on")


class CalibrationReport(BaseModel):
    """A calibration fitted on a file, and what cross-fitting says of it."""

    model_config = ConfigDict(frozen=True)

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Listener turns")
    conversations: int = Field(description="Conversations they come from")
    folds: int = Field(description="In how many parts the conversations were left out in turn")
    slopes: tuple[float, ...] = Field(description="Fitted on all; how log-probabilities are bent, nat by nat")
    nll_before: Estimate = Field(description="Mean negative log-probability of the true label as it was, in nats")
    nll: Estimate = Field(description="The same, cross-fitted")
    contexts: dict[str, ContextFigures] = Field(description="Calibration error over groups of contexts")
    floor: float = Field(
        description="The calibration error that so many samples would show if the probabilities were exactly right"
    )
    sets: dict[str, dict[str, SetFigures]] = Field(
        description="Coverage -> group of contexts -> cross-fitted prediction sets"
    )


def calibrate(logits: Array, samples: Sequence[Sample], labels: Sequence[str]) -> tuple[Calibration, PredictionSets]:
    """Fit calibration and prediction sets.

    Args:
        logits: What the network says, [samples, labels].
        samples: What it read.
        labels: The labels of the columns.
    """
    wanted = _indices(samples, labels)
    fitted = fit_calibration(logits, wanted)
    return fitted, fit_prediction_sets(fitted.probabilities(logits), wanted, [len(sample.turns) for sample in samples])


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
    """Fit on all folds but one, measure on that one, and give the figures over all of them.

    Args:
        logits: What the network says, [samples, labels].
        samples: What it read.
        labels: The labels of the columns.
        sem: Name of the SEM.
        before: The calibration it had.
        folds: Parts of the conversations; fewer where there are fewer conversations.
        seed: Of the parts.

    Raises:
        SetupError: All samples come from one conversation.
    """
    fold, folds = _folds(samples, folds, seed)
    shares = np.zeros_like(logits)
    sets: dict[float, list[tuple[str, ...]]] = {coverage: [()] * len(samples) for coverage in COVERAGES}
    for number in range(folds):
        fitting, measured = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        fitted, thresholds = calibrate(logits[fitting], [samples[row] for row in fitting], labels)
        shares[measured] = fitted.probabilities(logits[measured])
        for row in measured:
            read = dict(zip(labels, shares[row].tolist(), strict=True))
            for coverage, found in sets.items():
                found[row] = primary_emotions(read, coverage, thresholds, len(samples[row].turns))
    whole, _ = calibrate(logits, samples, labels)
    wanted, conversations = _indices(samples, labels), [sample.conv_id for sample in samples]
    old = before.probabilities(logits)
    return CalibrationReport(
        sem=sem,
        samples=len(samples),
        conversations=len(set(conversations)),
        folds=folds,
        slopes=whole.slopes,
        nll_before=likelihood_estimate(old, wanted, conversations),
        nll=likelihood_estimate(shares, wanted, conversations),
        contexts={
            name: ContextFigures(
                samples=len(rows),
                before=_ece(old[rows], wanted[rows], [conversations[row] for row in rows]),
                ece=_ece(shares[rows], wanted[rows], [conversations[row] for row in rows]),
            )
            for name, rows in groups(samples).items()
        },
        floor=_floor(shares, seed),
        sets={str(coverage): set_figures(found, samples) for coverage, found in sets.items()},
    )


def _folds(samples: Sequence[Sample], folds: int, seed: int) -> tuple[Indices, int]:
    """Return the fold of each sample, equal for the turns of one conversation, and how many there are."""
    conversations = sorted({sample.conv_id for sample in samples})
    if len(conversations) < 2:
        raise SetupError("all samples come from one conversation; calibrating needs at least 2")
    random.Random(seed).shuffle(conversations)
    place = {conversation: number % folds for number, conversation in enumerate(conversations)}
    return np.array([place[sample.conv_id] for sample in samples]), min(folds, len(conversations))


def _indices(samples: Sequence[Sample], labels: Sequence[str]) -> Indices:
    return np.array([labels.index(sample.emotion) for sample in samples])


def _ece(shares: Array, wanted: Indices, conversations: Sequence[str]) -> Estimate:
    return estimates(shares, shares.argmax(axis=1), wanted, conversations)["ece"]


def _floor(shares: Array, seed: int, draws: int = 50) -> float:
    """Return the mean calibration error over labels drawn from the probabilities themselves."""
    chance = np.random.default_rng(seed)
    confidence = shares.max(axis=1)
    drawn = (chance.random((draws, len(shares))) < confidence).astype(float)
    return float(np.mean([expected_calibration_error(confidence, correct) for correct in drawn]))
