"""What a small-scale empathetic model (SEM) is: one protocol, and a frozen description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..contract import Cause, Dialogue, Reading, SetupError, View
from .runtime.prediction_sets import PredictionSets
from .taxonomy import Taxonomy

_WHOLE: tuple[View, ...] = ("dialogue",)


@dataclass(frozen=True, slots=True)
class SemDescription:
    """What is known about a SEM without loading its weights."""

    name: str
    """The name it is chosen by."""
    taxonomy: Taxonomy
    """The labels of its distributions, in their order."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages it was trained on."""
    licence: str = "unknown"
    """Licence of the weights, and of the data where that binds them."""
    size_mb: float = 0.0
    """Size of the weights in megabytes (10^6 bytes)."""
    source: str = ""
    """Where the weights come from."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured figures, for example `{"top1": 0.52}`; how is said in the model card."""
    prediction_sets: PredictionSets | None = None
    """What a stated coverage asks of a label's probability; None where it was not fitted."""


@runtime_checkable
class Sem(Protocol):
    """A small-scale empathetic model: reads emotion and its cause words."""

    @property
    def description(self) -> SemDescription:
        """Return the description, without loading weights."""
        ...

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading a dialogue.

        Args:
            dialogues: Dialogue contexts; each has at least one turn.
            views: Which turns of each dialogue to look at; None means all turns.

        Raises:
            ModelError: The weights are missing or broken.
        """
        ...

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return for each dialogue the words that speak for the given emotion, strongest first."""
        ...


@runtime_checkable
class EmbeddingSem(Sem, Protocol):
    """A SEM that also gives sentence vectors, so that the memory needs no second model."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text."""
        ...


def resolve_views(dialogues: Sequence[Dialogue], views: Sequence[View] | None) -> Sequence[View]:
    """Return one view a dialogue; all turns where none are asked for.

    Raises:
        SetupError: There are views, but not one a dialogue.
    """
    if views is None:
        return _WHOLE * len(dialogues)
    if len(views) != len(dialogues):
        raise SetupError(f"{len(views)} views for {len(dialogues)} dialogues; give one a dialogue, or none")
    return views
