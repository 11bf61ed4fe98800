"""Prefetching of an LLM's answers on a cluster: the evaluation itself then finds all of them in its cache.

Measuring, joining and reporting stay in one process; only the questions are distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..contract import HefContext
from ..contract.progress import Progress, ignore_progress
from ..data.conversations import Sample
from ..llm import resolve_model
from ..sem import resolve_sem
from ..sem.ray.cluster import Cluster, map_corpus
from .caching_models import with_cache
from .emotion.sem_llm_pair import SemLlmPair
from .llm_cache import Answer, AnswerCache

_BATCH = 16
"""Samples that one actor asks about before it returns the answers."""


class PrefetchActor:
    """Runs strategies on batches of a corpus and returns the LLM's answers that were not cached before."""

    def __init__(
        self,
        sem: str | None,
        model: str | None,
        prompts: Path | None,
        contexts: Sequence[HefContext],
        cached: Iterable[Answer],
    ) -> None:
        llm, self._cache = with_cache(resolve_model(model))
        self._pair = SemLlmPair(resolve_sem(sem), llm, self._cache, prompts=prompts)
        self._contexts = contexts
        self._cache.add(cached)

    def __call__(self, batch: Sequence[Sample]) -> list[Answer]:
        """Return the new answers."""
        before = len(self._cache.answers())
        for context in self._contexts:
            self._pair.record("asking", context, batch)
        return self._cache.answers()[before:]


def prefetch_answers(
    cache: AnswerCache,
    samples: Sequence[Sample],
    contexts: Sequence[HefContext],
    cluster: Cluster,
    *,
    sem: str | None,
    model: str | None,
    prompts: Path | None = None,
    progress: Progress = ignore_progress,
) -> None:
    """Ask on a cluster, with a SEM and an LLM per actor, what runs with these settings ask, and cache the answers.

    What the cache has is not asked for again. The folder of templates must be on every machine of the cluster.

    Raises:
        SetupError: Ray is not installed, or the cluster cannot be reached.
    """
    batches = [samples[start : start + _BATCH] for start in range(0, len(samples), _BATCH)]
    arguments: tuple[Any, ...] = (sem, model, prompts, tuple(contexts), tuple(cache.answers()))
    done = 0
    for batch, answers in zip(batches, map_corpus(PrefetchActor, arguments, batches, cluster), strict=True):
        cache.add(answers)
        done += len(batch)
        progress("asking the LLM", done, len(samples))
