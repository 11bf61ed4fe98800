"""Training of the risk model: logistic regressions over hashed features, thresholds by cross-validation over files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from ...contract.progress import Progress, ignore_progress
from ...contract.safety import SafetyLevel
from ...safety.assess import RuleResult, is_doubted, read_rules
from ...safety.findings import LEVELS
from ...safety.risk_features import BUCKETS, turn_features
from ...safety.risk_model import KINDS, Risk, RiskModel
from .risk_samples import RiskSample, result_kind

FOLDS = 5
"""Parts of the groups, each left out once."""
CONCERN, DANGER = 1, 2
"""Places of the levels."""


class GroupReport(BaseModel):
    """What rules and a model that has not seen a group find together in it."""

    group: str = Field(description="Name of the group: the file of a writer, or the ordinary conversations")
    danger_found: float | None = Field(description="Share of danger that is given danger; None without such a case")
    concern_found: float | None = Field(description="Share of concern that is given concern or danger")
    raised_to_danger: float | None = Field(description="Share of harmless turns that are given danger")
    raised_to_concern: float | None = Field(description="Share of harmless turns that are given concern")
    danger_by_rules: float | None = Field(description="Share of danger that the rules alone give danger")
    raised_by_rules: float | None = Field(description="Share of harmless turns that the rules alone give danger")


def train_risk_model(
    samples: Sequence[RiskSample], *, inverse_penalty: float, thresholds: tuple[float, float]
) -> RiskModel:
    """Return a model fitted on samples.

    Args:
        samples: Of all levels.
        inverse_penalty: C of the logistic regressions.
        thresholds: Probabilities from which on a turn is a concern, and danger.
    """
    return _train(samples, _matrix(samples), inverse_penalty, thresholds)


def _train(
    samples: Sequence[RiskSample], matrix: csr_matrix, inverse_penalty: float, thresholds: tuple[float, float]
) -> RiskModel:
    """Return a model fitted on samples and their features, shape (samples, buckets)."""
    weight = np.array([sample.weight for sample in samples])
    levels = _fit(matrix, np.array([LEVELS.index(sample.level) for sample in samples]), weight, inverse_penalty)
    named = [i for i, sample in enumerate(samples) if sample.level != "none" and result_kind(sample.kind)]
    labels = np.array([KINDS.index(result_kind(samples[i].kind)) for i in named])
    kinds = _fit(matrix[named], labels, weight[named], inverse_penalty)
    weights = np.zeros((BUCKETS, len(LEVELS) + len(KINDS)), np.float32)
    bias = np.full(len(LEVELS) + len(KINDS), -1e3, np.float32)
    for model, first in ((levels, 0), (kinds, len(LEVELS))):
        columns = first + model.classes_
        is_binary = len(columns) == len(model.coef_) + 1
        sides = np.array([[-0.5], [0.5]]) if is_binary else np.ones((len(columns), 1))
        weights[:, columns], bias[columns] = (sides * model.coef_).T, sides[:, 0] * model.intercept_
    return RiskModel(weights, bias, *thresholds)


def cross_validate(
    samples: Sequence[RiskSample],
    *,
    inverse_penalty: float,
    thresholds: tuple[float, float],
    progress: Progress = ignore_progress,
) -> list[GroupReport]:
    """Return what is found in each group by the rules with a model that was fitted without it.

    The groups are left out in `FOLDS` folds.
    """
    matrix = _matrix(samples)
    groups = sorted({sample.group for sample in samples})
    reports: list[GroupReport] = []
    for fold in range(min(FOLDS, len(groups))):
        left_out = groups[fold::FOLDS]
        rest = [i for i, sample in enumerate(samples) if sample.group not in left_out]
        model = _train([samples[i] for i in rest], matrix[rest], inverse_penalty, thresholds)
        for group in left_out:
            own = [sample for sample in samples if sample.group == group]
            reports.append(report_group(group, own, partial(_read, model)))
            progress("cross-validation", len(reports), len(groups))
    return sorted(reports, key=lambda report: report.group)


def _read(model: RiskModel, rules: RuleResult, sample: RiskSample) -> Risk:
    """Return what a model reads in a turn by what the rules read in it."""
    return model.read(rules.evidence)


def report_group(
    group: str, samples: Sequence[RiskSample], read_models: Callable[[RuleResult, RiskSample], Risk]
) -> GroupReport:
    """Return the shares of the turns of a group that are given each level.

    Args:
        group: Its name.
        samples: Its turns.
        read_models: What models read in a turn that the rules do not settle.
    """
    given: dict[SafetyLevel, list[tuple[int, int]]] = {level: [] for level in LEVELS}
    for sample in samples:
        rules = read_rules(sample.turns, len(sample.turns) - 1)
        by_rules = by_all = LEVELS.index(rules.level)
        if not rules.is_settled:
            risk = read_models(rules, sample)
            by_all = CONCERN if is_doubted(rules, risk) else max(by_rules, LEVELS.index(risk.level))
        given[sample.level].append((by_all, by_rules))
    return GroupReport(
        group=group,
        danger_found=_share(level == DANGER for level, _ in given["danger"]),
        concern_found=_share(level > 0 for level, _ in given["concern"]),
        raised_to_danger=_share(level == DANGER for level, _ in given["none"]),
        raised_to_concern=_share(level == CONCERN for level, _ in given["none"]),
        danger_by_rules=_share(rules == DANGER for _, rules in given["danger"]),
        raised_by_rules=_share(rules == DANGER for _, rules in given["none"]),
    )


def _share(conditions: Iterable[bool]) -> float | None:
    """Return the share of conditions that are true; None where there are none."""
    values = list(conditions)
    return sum(values) / len(values) if values else None


def save_risk_model(model: RiskModel, path: Path) -> None:
    """Write a model, its weights in one byte each."""
    scale = np.abs(model.weights).max(axis=0, keepdims=True) / 127
    scale[scale == 0] = 1
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            weights=np.rint(model.weights / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            bias=model.bias,
            thresholds=np.array([model.concern_from, model.danger_from]),
        )


def _fit(
    matrix: csr_matrix, labels: NDArray[np.int64], weight: NDArray[np.float64], inverse_penalty: float
) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, max_iter=300).fit(matrix, labels, sample_weight=weight)


def _matrix(samples: Sequence[RiskSample]) -> csr_matrix:
    """Return the features of the last turns, shape (samples, buckets)."""
    rows = list(_features(samples))
    starts = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    buckets = np.concatenate([buckets for buckets, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, buckets, starts), shape=(len(rows), BUCKETS))


def _features(samples: Sequence[RiskSample]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for sample in samples:
        rules = read_rules(sample.turns, len(sample.turns) - 1)
        yield turn_features(rules.evidence)
