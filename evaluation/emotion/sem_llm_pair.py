"""Measure the strategies of one SEM and one LLM side by side, on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field

from ...contract import HefContext, PoolingWeights
from ...contract.context import Strategy
from ...data.conversations import Sample
from ...graph import create_emotion_graph
from ...llm import model_name
from ...nodes.deciding.decision import pooling_form
from ...nodes.deciding.fit_registry import FitRegistry
from ...prompts import Overrides
from ...sem import Sem
from ..llm_cache import Answers
from ..metrics import DIFFERENCE, Estimate, mean_estimate
from .emotion_metrics import EmotionReport, report_emotion
from .fitting import fit_join, likelihood_alone, pooling_evidence
from .stage_metrics import stage_metrics
from .turn_record import ReadParts, TurnRecord, record_sem, record_turns

Telling = Callable[[str, int, int], None]
"""Called with what is done, how many samples of it are done, and of how many."""
HALVES: tuple[Strategy, ...] = ("sem_only", "llm_only")


class Gain(BaseModel):
    """What joining both gains over the better of them."""

    model_config = ConfigDict(frozen=True)

    baseline: str = Field(description="The better half on these samples")
    gain: Estimate = Field(description="Accuracy of two_stage minus that of the better half; drawn in pairs")


@dataclass(frozen=True)
class Pair:
    """One SEM and one LLM that keeps its answers."""

    sem: Sem
    """The SEM."""
    model: BaseChatModel | None
    """The LLM, from `keeping`; None where only the SEM is measured."""
    answers: Answers | None
    """Its answers."""
    tell: Telling = lambda doing, done, total: None
    """Told of the progress."""
    prompts: Overrides | None = None
    """Templates that replace shipped ones, as `create_hef` takes them."""
    read_parts: ReadParts | None = None
    """Reads the parts of a corpus where the SEM alone is measured; None is its own `read`."""

    @property
    def llm(self) -> str | None:
        """Name of the LLM."""
        return model_name(self.model) if self.model else None

    def record(
        self, doing: str, context: HefContext, samples: Sequence[Sample], fit: PoolingWeights | None = None
    ) -> list[TurnRecord]:
        """Run one strategy on samples."""

        def told(done: int, total: int) -> None:
            self.tell(doing, done, total)

        if self.model is None or self.answers is None or context.strategy == "sem_only":
            return record_sem(self.sem, samples, context.primary, told, self.read_parts)
        hef: Any = create_emotion_graph(model=self.model, sem=self.sem, prompts=self.prompts, fit=fit).compile()
        records = record_turns(hef, context, samples, self.answers, self.sem.description.taxonomy.labels, told)
        fits = FitRegistry(self.sem.description.name, fit)
        return [
            replace(one, fit=fits.get(self.llm or "", pooling_form(one.judged))) if one.judged else one
            for one in records
        ]

    def fit(self, context: HefContext, samples: Sequence[Sample], *, data: str, seed: int) -> PoolingWeights:
        """Fit the join: of an LLM that scores, with what it says about nothing taken off or not, as it is better."""
        cautious = PoolingWeights.default(self.sem.description.name, self.llm or "", "scored")
        labels = self.sem.description.taxonomy.labels
        tried: list[tuple[float, PoolingWeights]] = []
        for content_free in (True, False):
            start = cautious.model_copy(update={"content_free": content_free})
            records = self.record("fitting", context, samples, start)
            fitted = self.fit_records(records, samples, data=data, seed=seed)
            if fitted.form == "generated":
                return fitted
            alone = likelihood_alone(pooling_evidence(records, samples, labels), labels)
            tried.append((alone, fitted.model_copy(update={"content_free": content_free})))
        return max(tried, key=lambda pair: pair[0])[1]

    def fit_records(
        self, records: Sequence[TurnRecord], samples: Sequence[Sample], *, data: str, seed: int
    ) -> PoolingWeights:
        """Fit the join on recorded turns."""
        about = self.sem.description
        evidence = pooling_evidence(records, samples, about.taxonomy.labels)
        day = datetime.now(UTC).date().isoformat()
        named = {"sem": about.name, "model": self.llm or "", "data": data, "date": day}
        return fit_join(evidence, about.taxonomy.labels, **named, seed=seed)

    def report(self, strategy: Strategy, records: Sequence[TurnRecord], samples: Sequence[Sample]) -> EmotionReport:
        """Return the figures of one strategy's turns."""
        about, alone = self.sem.description, strategy == "sem_only"
        return report_emotion(
            [record.prediction for record in records],
            samples,
            about.taxonomy.labels,
            strategy=strategy,
            seconds=sum(record.seconds for record in records),
            sem=None if strategy == "llm_only" else about.name,
            model=None if alone else self.llm,
            sets=about.prediction_sets if alone else None,
            course=stage_metrics(records, samples, about.taxonomy, stages=strategy == "two_stage"),
        )


def gain_over_halves(records: dict[Strategy, list[TurnRecord]], samples: Sequence[Sample]) -> Gain | None:
    """Return what two_stage gains over the better half, where all three were measured."""
    if not {"two_stage", *HALVES} <= set(records):
        return None
    right = {name: hits(found, samples) for name, found in records.items()}
    better = max(HALVES, key=lambda name: float(right[name].mean()))
    return Gain(baseline=better, gain=paired(right["two_stage"], right[better], samples))


def hits(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> Any:
    """Return 1 where the decision is right, [samples]."""
    pairs = zip(records, samples, strict=True)
    return np.array([record.prediction.emotion == sample.emotion for record, sample in pairs], dtype=float)


def paired(one: Any, other: Any, samples: Sequence[Sample]) -> Estimate:
    """Return the mean difference of two figures taken on the same samples, with its interval."""
    return mean_estimate(one - other, [sample.conv_id for sample in samples], bounds=DIFFERENCE)
