"""Ask an LLM ahead, on a cluster, what a measured run is going to ask it: the run itself then finds all answers kept.

What is measured, how it is joined and what is reported stays in one process; only the questions are spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..contract import HefContext
from ..data.conversations import Sample
from ..llm import resolve_model
from ..sem import resolve_sem
from ..sem.ray.cluster import Cluster
from ..sem.ray.corpus import map_corpus
from .emotion.prediction import Report
from .emotion.sem_llm_pair import Pair
from .llm_cache import Answer, Answers, with_cache

_PART = 16
"""Samples that one actor asks about before it hands its answers back."""


class Asker:
    """Run strategies on parts of a corpus, and return what the LLM answered that was not kept before.

    Args:
        sem: Name of the SEM.
        model: Name of the LLM.
        prompts: Folder of templates.
        contexts: Settings of the runs.
        kept: Answers that are there already.
    """

    def __init__(
        self,
        sem: str | None,
        model: str | None,
        prompts: Path | None,
        contexts: Sequence[HefContext],
        kept: Iterable[Answer],
    ) -> None:
        llm, self._answers = with_cache(resolve_model(model))
        self._pair = Pair(resolve_sem(sem), llm, self._answers, prompts=prompts)
        self._contexts = contexts
        self._answers.add(kept)

    def __call__(self, part: Sequence[Sample]) -> list[Answer]:
        """Return the new answers."""
        before = len(self._answers.all())
        for context in self._contexts:
            self._pair.record("asking", context, part)
        return self._answers.all()[before:]


def ask_ahead(
    answers: Answers,
    samples: Sequence[Sample],
    contexts: Sequence[HefContext],
    cluster: Cluster,
    *,
    sem: str | None,
    model: str | None,
    prompts: Path | None = None,
    report: Report = lambda done, total: None,
) -> None:
    """Ask on a cluster what runs with these settings ask, and keep the answers.

    Args:
        answers: Where they are kept; what is there already is not asked again.
        samples: The dialogues.
        contexts: Settings of the runs.
        cluster: Where the LLM is asked, one SEM and one LLM an actor.
        sem: Name of the SEM; each actor loads its own.
        model: Name of the LLM.
        prompts: Folder of templates, on every machine of the cluster.
        report: Told of the progress.

    Raises:
        SetupError: Ray is not installed, or the cluster is not there.
    """
    done = 0
    given: tuple[Any, ...] = (sem, model, prompts, tuple(contexts), tuple(answers.all()))
    for part, found in zip(_parts(samples), map_corpus(Asker, given, _parts(samples), cluster), strict=True):
        answers.add(found)
        done += len(part)
        report(done, len(samples))


def _parts(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    return (samples[start : start + _PART] for start in range(0, len(samples), _PART))
