"""Several SEMs that read as one."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isfinite

from ...contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from ..distribution import check_reading, pool
from ..faults import model_errors
from ..protocol import EmbeddingSem, Sem, SemDescription
from ..validation import apply_views, require_known_emotions


class EnsembleSem:
    """Join SEMs of one taxonomy: distributions by log-linear pooling, causes by their summed weights.

    It is an `EmbeddingSem` when one of its SEMs is; the vectors are those of the first that is one.

    Args:
        sems: At least one; all read the same labels.
        weights: One a SEM, above 0: the power to which its distribution is raised. None gives all the
            same and makes them sum to 1, a geometric mean. A greater sum makes the ensemble surer.
        name: What it is called; None names its SEMs.
        cause_limit: How many cause words are returned at most.

    Raises:
        SetupError: There are no SEMs, one is none, their labels differ, or the weights do not fit.
    """

    def __new__(
        cls, sems: Sequence[Sem], weights: Sequence[float] | None = None, *, name: str = "", cause_limit: int = 5
    ) -> EnsembleSem:
        """Make the kind that embeds where a SEM does, since a protocol looks at the methods that are there."""
        embeds = cls is EnsembleSem and any(isinstance(sem, EmbeddingSem) for sem in sems)
        kind: type[EnsembleSem] = _EmbeddingEnsemble if embeds else cls
        return object.__new__(kind)

    def __init__(
        self, sems: Sequence[Sem], weights: Sequence[float] | None = None, *, name: str = "", cause_limit: int = 5
    ) -> None:
        self._sems = tuple(sems)
        _check_members(self._sems)
        self._weights = tuple(weights) if weights is not None else (1 / len(self._sems),) * len(self._sems)
        if len(self._weights) != len(self._sems) or not all(isfinite(held) and held > 0 for held in self._weights):
            raise SetupError(f"weights are {self._weights} for {len(self._sems)} SEMs; give one above 0 for each")
        self._cause_limit = cause_limit
        self._name = name or f"ensemble({', '.join(sem.description.name for sem in self._sems)})"

    @property
    def description(self) -> SemDescription:
        """Describe the SEMs together; what was measured of each is not true of all."""
        parts = [sem.description for sem in self._sems]
        shared = [code for code in parts[0].languages if all(code in part.languages for part in parts)]
        return SemDescription(
            name=self._name,
            taxonomy=parts[0].taxonomy,
            languages=tuple(shared) or parts[0].languages,
            licence="; ".join(dict.fromkeys(part.licence for part in parts)),
            size_mb=fsum(part.size_mb for part in parts),
            source="; ".join(dict.fromkeys(part.source for part in parts if part.source)),
        )

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading a dialogue, pooled over the SEMs.

        Raises:
            ModelError: A SEM failed or returned what is no distribution over its labels; it is named.
        """
        looks: list[View] = [view for view, _ in apply_views(dialogues, views)]
        rows = [self._readings(sem, dialogues, looks) for sem in self._sems]
        return [
            Reading(
                distribution=pool([(part.distribution, held) for part, held in zip(parts, self._weights, strict=True)]),
                sem=self._name,
                view=view,
                pool_weight=sum(part.pool_weight for part in parts) / len(parts),
                truncated_turns=max(part.truncated_turns for part in parts),
            )
            for view, *parts in zip(looks, *rows, strict=True)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the words that the SEMs name, each with the weighted mean of its weights."""
        require_known_emotions(dialogues, emotions, self.description)
        rows = [self._found(sem, dialogues, emotions) for sem in self._sems]
        return [self._joined(found) for found in zip(*rows, strict=True)]

    def _readings(self, sem: Sem, dialogues: Sequence[Dialogue], looks: Sequence[View]) -> list[Reading]:
        described = sem.description
        with model_errors(f"SEM {described.name!r} of {self._name!r}"):
            found = sem.read(dialogues, views=looks)
            if len(found) != len(dialogues):
                raise ModelError(
                    f"SEM {described.name!r} returned {len(found)} readings for {len(dialogues)} dialogues"
                )
            return [check_reading(reading, described.taxonomy.labels, described.name) for reading in found]

    def _found(self, sem: Sem, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> Sequence[tuple[Cause, ...]]:
        name = sem.description.name
        with model_errors(f"SEM {name!r} of {self._name!r}"):
            found = sem.causes(dialogues, emotions)
            if len(found) != len(dialogues):
                raise ModelError(f"SEM {name!r} returned causes for {len(found)} of {len(dialogues)} dialogues")
            return found

    def _joined(self, found: Sequence[tuple[Cause, ...]]) -> tuple[Cause, ...]:
        total = fsum(self._weights)
        summed: dict[tuple[int, int, int], Cause] = {}
        for causes, held in zip(found, self._weights, strict=True):
            for cause in causes:
                place = (cause.turn, cause.start, cause.end)
                weight = cause.weight * held / total + (summed[place].weight if place in summed else 0.0)
                summed[place] = cause.model_copy(update={"weight": min(1.0, weight)})
        best = sorted(summed, key=lambda place: (-summed[place].weight, place))
        return tuple(summed[place] for place in best[: self._cause_limit])


class _EmbeddingEnsemble(EnsembleSem):
    """An ensemble with a SEM that gives sentence vectors."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._embedder.dimensions

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text."""
        return self._embedder.embed(texts)

    @property
    def _embedder(self) -> EmbeddingSem:
        return next(sem for sem in self._sems if isinstance(sem, EmbeddingSem))


def _check_members(sems: Sequence[Sem]) -> None:
    if not sems:
        raise SetupError("an ensemble needs at least one SEM; `sems` is empty")
    for sem in sems:
        if not isinstance(sem, Sem) or isinstance(sem, type):
            raise SetupError(f"`sems` holds {sem!r}, which is no SEM; `hef.sem.resolve_sem` finds one by name")
    first, *others = (sem.description for sem in sems)
    for other in others:
        if set(other.taxonomy.labels) != set(first.taxonomy.labels):
            raise SetupError(
                f"SEM {other.name!r} reads the labels of {other.taxonomy.name!r}, SEM {first.name!r} those of "
                f"{first.taxonomy.name!r}; an ensemble needs SEMs of the same labels"
            )
