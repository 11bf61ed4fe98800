"""An ensemble of SEMs with one taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isfinite

from ...contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from ..distribution import pool
from ..protocol import EmbeddingSem, Sem, SemDescription
from ..validation import apply_views, check_reading, model_errors, require_known_emotions


class EnsembleSem:
    """Join SEMs of one taxonomy: distributions by log-linear pooling, causes by their summed weights.

    It is an `EmbeddingSem` if one of its SEMs is; the vectors are those of the first such SEM.

    Args:
        sems: At least one; all have the same labels.
        weights: One per SEM, above 0: the power to which its distribution is raised. None means equal weights
            that sum to 1, a geometric mean. A greater sum makes the ensemble more confident.
        name: Name of the ensemble; empty lists the names of its SEMs.
        cause_limit: Maximum number of causes.

    Raises:
        SetupError: `sems` is empty or holds something else than SEMs, their labels differ, or the weights are invalid.
    """

    def __new__(
        cls, sems: Sequence[Sem], weights: Sequence[float] | None = None, *, name: str = "", cause_limit: int = 5
    ) -> EnsembleSem:
        """Create the embedding subclass if a SEM embeds: `isinstance` with a protocol checks for the methods."""
        embeds = cls is EnsembleSem and any(isinstance(sem, EmbeddingSem) for sem in sems)
        kind: type[EnsembleSem] = _EmbeddingEnsemble if embeds else cls
        return object.__new__(kind)

    def __init__(
        self, sems: Sequence[Sem], weights: Sequence[float] | None = None, *, name: str = "", cause_limit: int = 5
    ) -> None:
        self._sems = tuple(sems)
        _check_members(self._sems)
        self._weights = tuple(weights) if weights is not None else (1 / len(self._sems),) * len(self._sems)
        if len(self._weights) != len(self._sems) or not all(
            isfinite(weight) and weight > 0 for weight in self._weights
        ):
            raise SetupError(f"weights are {self._weights} for {len(self._sems)} SEMs; give one above 0 for each")
        self._cause_limit = cause_limit
        self._name = name or f"ensemble({', '.join(sem.description.name for sem in self._sems)})"

    @property
    def description(self) -> SemDescription:
        """Return the joint description, without metrics: those of each SEM do not hold for the ensemble."""
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
        """Return one reading per dialogue, pooled over the SEMs.

        Raises:
            ModelError: A SEM failed or returned an invalid distribution; the message names it.
        """
        resolved: list[View] = [view for view, _ in apply_views(dialogues, views)]
        readings = [self._read(sem, dialogues, resolved) for sem in self._sems]
        return [
            Reading(
                distribution=pool(
                    [(part.distribution, weight) for part, weight in zip(parts, self._weights, strict=True)]
                ),
                sem=self._name,
                view=view,
                pool_weight=sum(part.pool_weight for part in parts) / len(parts),
                truncated_turns=max(part.truncated_turns for part in parts),
                neutral=_mean([part.neutral for part in parts if part.neutral is not None]),
            )
            for view, *parts in zip(resolved, *readings, strict=True)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the causes of all SEMs, each with the weighted mean of its weights."""
        require_known_emotions(dialogues, emotions, self.description)
        causes = [self._causes(sem, dialogues, emotions) for sem in self._sems]
        return [self._join_causes(per_sem) for per_sem in zip(*causes, strict=True)]

    def _read(self, sem: Sem, dialogues: Sequence[Dialogue], views: Sequence[View]) -> list[Reading]:
        description = sem.description
        with model_errors(f"SEM {description.name!r} of {self._name!r}"):
            readings = sem.read(dialogues, views=views)
            if len(readings) != len(dialogues):
                raise ModelError(
                    f"SEM {description.name!r} returned {len(readings)} readings for {len(dialogues)} dialogues"
                )
            return [check_reading(reading, description.taxonomy.labels, description.name) for reading in readings]

    def _causes(self, sem: Sem, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> Sequence[tuple[Cause, ...]]:
        name = sem.description.name
        with model_errors(f"SEM {name!r} of {self._name!r}"):
            causes = sem.causes(dialogues, emotions)
            if len(causes) != len(dialogues):
                raise ModelError(f"SEM {name!r} returned causes for {len(causes)} of {len(dialogues)} dialogues")
            return causes

    def _join_causes(self, per_sem: Sequence[tuple[Cause, ...]]) -> tuple[Cause, ...]:
        total = fsum(self._weights)
        summed: dict[tuple[int, int, int], Cause] = {}
        for causes, sem_weight in zip(per_sem, self._weights, strict=True):
            for cause in causes:
                span = (cause.turn, cause.start, cause.end)
                weight = cause.weight * sem_weight / total + (summed[span].weight if span in summed else 0.0)
                summed[span] = cause.model_copy(update={"weight": min(1.0, weight)})
        ranked = sorted(summed, key=lambda span: (-summed[span].weight, span))
        return tuple(summed[span] for span in ranked[: self._cause_limit])


class _EmbeddingEnsemble(EnsembleSem):
    """An ensemble with a SEM that computes sentence vectors."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._embedder.dimensions

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        return self._embedder.embed(texts)

    @property
    def _embedder(self) -> EmbeddingSem:
        return next(sem for sem in self._sems if isinstance(sem, EmbeddingSem))


def _check_members(sems: Sequence[Sem]) -> None:
    if not sems:
        raise SetupError("an ensemble needs at least one SEM; `sems` is empty")
    for sem in sems:
        if not isinstance(sem, Sem) or isinstance(sem, type):
            raise SetupError(f"`sems` holds {sem!r}, which is not a SEM; `hef.sem.resolve_sem` returns one by name")
    first, *others = (sem.description for sem in sems)
    for other in others:
        if set(other.taxonomy.labels) != set(first.taxonomy.labels):
            raise SetupError(
                f"SEM {other.name!r} has the labels of {other.taxonomy.name!r}, SEM {first.name!r} those of "
                f"{first.taxonomy.name!r}; an ensemble needs SEMs of the same labels"
            )


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None
