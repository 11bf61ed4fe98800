"""Measurement of the strategies of one SEM and one LLM on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, Field

from ...contract import HefContext, PoolingWeights
from ...contract.context import Strategy
from ...contract.numerics import Array
from ...contract.progress import Progress, ignore_progress
from ...data.conversations import Sample
from ...graph import create_emotion_graph
from ...llm import model_name
from ...nodes.deciding.decision import pooling_form
from ...nodes.deciding.fit_registry import FitRegistry
from ...prompts import Overrides
from ...sem import Sem
from ..batch_chat import UnansweredQuestion
from ..llm_cache import AnswerCache
from ..metrics import DIFFERENCE, Estimate, mean_estimate
from .emotion_metrics import EmotionReport, report_emotion
from .pooling_fit import fit_join, likelihood_alone, pooling_examples
from .stage_metrics import stage_metrics
from .turn_record import ReadBatches, TurnRecord, record_sem, record_turns

HALVES: tuple[Strategy, ...] = ("sem_only", "llm_only")


class Gain(BaseModel, frozen=True):
    """Gain of joining both halves over the better of them."""

    baseline: str = Field(description="The better half on these samples")
    gain: Estimate = Field(description="Accuracy of two_stage minus that of the better half; a paired difference")


@dataclass(frozen=True)
class SemLlmPair:
    """One SEM and one LLM with a cache."""

    sem: Sem
    """The SEM."""
    model: BaseChatModel | None
    """The LLM, from `with_cache`; None where only the SEM is measured."""
    cache: AnswerCache | None
    """Its answers."""
    progress: Progress = ignore_progress
    """Called with the progress of each strategy."""
    prompts: Overrides | None = None
    """Templates that replace shipped ones, as `create_hef` takes them."""
    read_batches: ReadBatches | None = None
    """Reads the batches of a corpus where the SEM alone is measured; None is its own `read`."""

    @property
    def llm(self) -> str | None:
        """Name of the LLM."""
        return model_name(self.model) if self.model else None

    def record(
        self, task: str, context: HefContext, samples: Sequence[Sample], fit: PoolingWeights | None = None
    ) -> list[TurnRecord]:
        """Run one strategy on samples; `task` names it to `progress`."""
        if self.model is None or self.cache is None or context.strategy == "sem_only":
            return record_sem(
                self.sem,
                samples,
                context.primary,
                task=task,
                progress=self.progress,
                read_batches=self.read_batches,
            )
        labels, hef = self.sem.description.taxonomy.labels, self._graph(fit)
        records = record_turns(hef, context, samples, self.cache, labels, task=task, progress=self.progress)
        fits = FitRegistry(self.sem.description.name, fit)
        return [
            replace(record, fit=fits.get(self.llm or "", pooling_form(verdict), verdict.reliability))
            if (verdict := record.last_verdict)
            else record
            for record in records
        ]

    def ask_ahead(self, contexts: Sequence[HefContext], samples: Sequence[Sample]) -> None:
        """Ask what runs with these settings ask, so that an LLM that is answered in rounds gets all questions at once.

        Raises:
            UnansweredQuestion: Some have no answer; all others were asked before.
        """
        if self.cache is None:
            return
        labels, hef = self.sem.description.taxonomy.labels, self._graph(None)
        unanswered: UnansweredQuestion | None = None
        for done, (context, sample) in enumerate(product(contexts, samples), start=1):
            try:
                record_turns(hef, context, [sample], self.cache, labels)
            except UnansweredQuestion as error:
                unanswered = error
            self.progress("asking", done, len(contexts) * len(samples))
        if unanswered:
            raise unanswered

    def fit(self, context: HefContext, samples: Sequence[Sample], *, data: str, seed: int) -> PoolingWeights:
        """Fit the join; for an LLM that scores, with or without its content-free scores subtracted, as is better."""
        default = PoolingWeights.default(self.sem.description.name, self.llm or "", "scored")
        labels = self.sem.description.taxonomy.labels
        fits: list[tuple[float, PoolingWeights]] = []
        for content_free in (True, False):
            start = default.model_copy(update={"content_free": content_free})
            records = self.record("fitting", fitting_settings(context), samples, start)
            fit = self.fit_records(records, samples, data=data, seed=seed)
            if fit.form == "generated":
                return fit
            likelihood = likelihood_alone(pooling_examples(records, samples, labels), labels)
            fits.append((likelihood, fit.model_copy(update={"content_free": content_free})))
        return max(fits, key=lambda pair: pair[0])[1]

    def fit_records(
        self, records: Sequence[TurnRecord], samples: Sequence[Sample], *, data: str, seed: int
    ) -> PoolingWeights:
        """Fit the join on recorded turns."""
        labels = self.sem.description.taxonomy.labels
        names = {"sem": self.sem.description.name, "model": self.llm or "", "data": data}
        date = datetime.now(UTC).date().isoformat()
        return fit_join(pooling_examples(records, samples, labels), labels, **names, date=date, seed=seed)

    def _graph(self, fit: PoolingWeights | None) -> Any:
        # Every turn is to be read: in danger HEF reads none.
        builder = create_emotion_graph(model=self.model, sem=self.sem, prompts=self.prompts, fit=fit, safety=None)
        return builder.compile()

    def report(self, strategy: Strategy, records: Sequence[TurnRecord], samples: Sequence[Sample]) -> EmotionReport:
        """Return the metrics of one strategy's turns."""
        description, sem_only = self.sem.description, strategy == "sem_only"
        return report_emotion(
            [record.prediction for record in records],
            samples,
            description.taxonomy.labels,
            strategy=strategy,
            seconds=sum(record.seconds for record in records),
            sem=None if strategy == "llm_only" else description.name,
            model=None if sem_only else self.llm,
            sets=description.prediction_sets if sem_only else None,
            stages=stage_metrics(records, samples, description.taxonomy, stages=strategy == "two_stage"),
        )


def fitting_settings(context: HefContext) -> HefContext:
    """Return the settings of runs that a join is fitted on: where the SEM may decide alone is fitted, too."""
    return context.model_copy(update={"ask": "always"})


def gain_over_halves(records: dict[Strategy, list[TurnRecord]], samples: Sequence[Sample]) -> Gain | None:
    """Return the gain of two_stage over the better half, where all three were measured."""
    if not {"two_stage", *HALVES} <= set(records):
        return None
    right = {strategy: hits(turns, samples) for strategy, turns in records.items()}
    better = max(HALVES, key=lambda name: float(right[name].mean()))
    return Gain(baseline=better, gain=paired_difference(right["two_stage"], right[better], samples))


def hits(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> Array:
    """Return 1 where the decision is right, [samples]."""
    pairs = zip(records, samples, strict=True)
    return np.array([record.prediction.emotion == sample.emotion for record, sample in pairs], dtype=float)


def paired_difference(values: Array, baseline: Array, samples: Sequence[Sample]) -> Estimate:
    """Return the mean difference of two figures of the same samples, with its interval."""
    return mean_estimate(values - baseline, [sample.conv_id for sample in samples], bounds=DIFFERENCE)
