"""The protocol of a small-scale empathetic model (SEM), and its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..contract import Cause, Dialogue, Reading, SetupError, View
from .runtime.calibration import PredictionSets
from .taxonomy import Taxonomy

_DEFAULT_VIEW: tuple[View, ...] = ("dialogue",)


@dataclass(frozen=True, slots=True)
class SemDescription:
    """Facts about a SEM that need no loaded weights."""

    name: str
    """The name it is selected by."""
    taxonomy: Taxonomy
    """The labels of its distributions, in their order."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages it was trained on; `mul` (ISO 639-2) where these are many, or not known."""
    licence: str = "unknown"
    """Licence of the weights, and of the training data if that binds them."""
    size_mb: float = 0.0
    """Size of the weights in megabytes (10^6 bytes)."""
    source: str = ""
    """Where the weights come from."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured metrics, for example `{"top1": 0.52}`; the model card says how they were measured."""
    prediction_sets: PredictionSets | None = None
    """Probability thresholds of prediction sets by coverage; None if not fitted."""


@runtime_checkable
class Sem(Protocol):
    """A small-scale empathetic model: predicts the emotion and its cause words."""

    @property
    def description(self) -> SemDescription:
        """Return the description, without loading weights."""
        ...

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading per dialogue.

        Args:
            dialogues: Dialogue contexts; each has at least one turn.
            views: Which turns of each dialogue to read; None means all turns.

        Raises:
            ModelError: The weights are missing or broken.
        """
        ...

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return for each dialogue the cause words of the given emotion, strongest first."""
        ...


@runtime_checkable
class EmbeddingSem(Sem, Protocol):
    """A SEM that also computes sentence vectors, so that the memory needs no second model."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        ...


def resolve_views(dialogues: Sequence[Dialogue], views: Sequence[View] | None) -> Sequence[View]:
    """Return one view per dialogue; by default all turns.

    Raises:
        SetupError: There are views, but not one per dialogue.
    """
    if views is None:
        return _DEFAULT_VIEW * len(dialogues)
    if len(views) != len(dialogues):
        raise SetupError(f"{len(views)} views for {len(dialogues)} dialogues; give one per dialogue, or none")
    return views
