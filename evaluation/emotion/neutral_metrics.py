"""Turns without an emotion: how well a SEM tells them from turns with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, Field

from ...contract import Dialogue, SetupError
from ...contract.empathy import NEUTRAL_FROM
from ...contract.numerics import Array
from ...contract.progress import Progress, ignore_progress
from ...sem import Sem

BATCH = 64
"""Dialogues that are read at once."""


class NeutralReport(BaseModel, frozen=True):
    """How well the neutral probability tells one source's turns without an emotion from those with one."""

    source: str = Field(description="Where the turns come from")
    plain: int = Field(description="Turns without an emotion")
    emotional: int = Field(description="Turns with one")
    auc: float | None = Field(description="Area under the ROC curve; None where a source has one kind alone")
    plain_called: float | None = Field(description="Share of the turns without an emotion that are called neutral")
    emotional_called: float | None = Field(description="Share of the turns with one that are called neutral")


def neutral_probabilities(
    sem: Sem, dialogues: Sequence[Dialogue], *, task: str = "", progress: Progress = ignore_progress
) -> Array:
    """Return the probability of each dialogue's current topic to carry no emotion.

    Raises:
        SetupError: The SEM gives none.
    """
    values: list[float] = []
    for start in range(0, len(dialogues), BATCH):
        for reading in sem.read(dialogues[start : start + BATCH]):
            if reading.neutral is None:
                raise SetupError(
                    f"SEM {sem.description.name!r} gives no neutral probability; choose another with --sem"
                )
            values.append(reading.neutral)
        progress(task, len(values), len(dialogues))
    return np.array(values)


def measure_neutral(
    sem: Sem,
    name: str,
    emotional: Sequence[Dialogue],
    sources: Mapping[str, tuple[Sequence[Dialogue], Sequence[Dialogue]]],
    progress: Progress = ignore_progress,
) -> list[NeutralReport]:
    """Measure each source by itself, and its turns without an emotion against conversations that carry one.

    Args:
        sem: A SEM that gives neutral probabilities.
        name: What the conversations are called.
        emotional: Contexts of these conversations.
        sources: Turns without an emotion and with one, by the name of their source.
        progress: Called after each batch.
    """
    conversations = neutral_probabilities(sem, emotional, task=name, progress=progress)
    reports = [report_neutral(name, np.zeros(0), conversations)]
    plain: list[Array] = []
    for source, groups in sources.items():
        without, with_one = (neutral_probabilities(sem, rows, task=source, progress=progress) for rows in groups)
        reports.append(report_neutral(source, without, with_one))
        reports.append(report_neutral(f"{source} against {name}", without, conversations))
        plain.append(without)
    if len(plain) > 1:
        reports.append(report_neutral(f"all against {name}", np.concatenate(plain), conversations))
    return reports


def report_neutral(source: str, plain: Array, emotional: Array) -> NeutralReport:
    """Return how well two groups of probabilities are told apart."""
    return NeutralReport(
        source=source,
        plain=len(plain),
        emotional=len(emotional),
        auc=_area_under_curve(plain, emotional) if len(plain) and len(emotional) else None,
        plain_called=float((plain >= NEUTRAL_FROM).mean()) if len(plain) else None,
        emotional_called=float((emotional >= NEUTRAL_FROM).mean()) if len(emotional) else None,
    )


def _area_under_curve(plain: Array, emotional: Array) -> float:
    """Return how often a turn without an emotion has the higher value of a random pair."""
    from sklearn.metrics import roc_auc_score

    is_plain = np.repeat([1, 0], [len(plain), len(emotional)])
    return float(roc_auc_score(is_plain, np.concatenate([plain, emotional])))
