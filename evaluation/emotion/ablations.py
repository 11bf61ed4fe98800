"""Ablations of two-stage prediction: the same turns decided without one of its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, Field

from ...contract import HefContext, PoolingWeights, Reading, Verdict
from ...data.conversations import Sample
from ...nodes.deciding.decision import decide, decide_by_llm
from ...sem import Taxonomy
from ..metrics import Estimate
from .emotion_metrics import COVERAGE, Prediction, report_emotion
from .pooling_fit import pooling_examples
from .sem_llm_pair import SemLlmPair, fitting_settings, hits, paired_difference
from .turn_record import TurnRecord

Change: TypeAlias = Callable[[TurnRecord, Taxonomy], tuple[tuple[Reading, ...], Verdict | None]]
"""From a recorded turn to the evidence that remains without a part."""
MAX_PRIMARY = 10
"""Numbers of primary emotions are varied up to this one."""


class Ablation(BaseModel, frozen=True):
    """Two-stage prediction without a part of it, or with another one."""

    name: str = Field(description="What is different")
    top1: Estimate = Field(description="Accuracy")
    change: Estimate = Field(description="Accuracy minus that of the full two_stage; a paired difference")
    ece: Estimate = Field(description="Expected calibration error, 15 bins")
    primary_hit: float = Field(description="How often the primary emotions contain the true one")
    primary_size: float = Field(description="Mean number of primary emotions")
    calls: float = Field(description="LLM calls per sample")


@dataclass(frozen=True)
class Variant:
    """Two-stage prediction with one difference."""

    name: str
    """What is different."""
    context: HefContext
    """Settings of the runs."""
    change: Change | None = None
    """What evidence remains; None keeps the recorded evidence."""
    joined: bool = True
    """Whether both sources are joined; otherwise the LLM decides."""


def variants(base: HefContext) -> list[Variant]:
    """Return the variants of two_stage with these settings."""
    return [
        Variant("without stage one", base.model_copy(update={"strategy": "llm_only"}), _without_stage_one),
        Variant("without the escape", base, _without_escape),
        Variant("without re-query", base.model_copy(update={"max_requeries": 0})),
        Variant("without pooling", base, joined=False),
        Variant("asked always", base.model_copy(update={"ask": "always"})),
        Variant("primary emotions first", base.model_copy(update={"first_question": "primary"})),
        *(Variant(f"top {k}", base.model_copy(update={"primary": k})) for k in range(1, MAX_PRIMARY + 1)),
        Variant(f"sets of {COVERAGE:.0%}", base.model_copy(update={"primary": COVERAGE})),
    ]


@dataclass(frozen=True)
class Ablations:
    """Measurement of variants of one pair.

    Each is fitted separately where there are samples for fitting, so that none is measured with the
    weights of another.
    """

    pair: SemLlmPair
    """SEM and LLM."""
    fitting: Sequence[Sample]
    """Samples for fitting; without any, `fit` joins."""
    samples: Sequence[Sample]
    """Samples for measuring."""
    baseline: Sequence[TurnRecord]
    """The turns of the full two_stage on them."""
    fit: PoolingWeights | None
    """The weights where there is nothing to fit on."""
    data: str
    """Name of the file."""
    seed: int
    """Seed of the folds."""

    def measure(self, variant: Variant) -> Ablation:
        """Return the metrics of one variant."""
        records = self._record(variant, self.samples)
        fit = self._fit(variant) if variant.joined else self.fit
        choose = decide if variant.joined else decide_by_llm
        taxonomy = self.pair.sem.description.taxonomy
        decided = []
        for record in records:
            decision = choose(record.readings, record.last_verdict, taxonomy, fit)
            decided.append(replace(record, prediction=Prediction(decision.emotion, decision.distribution)))
        return self._report(variant.name, decided)

    def _fit(self, variant: Variant) -> PoolingWeights | None:
        if not self.fitting:
            return self.fit
        records = self._record(replace(variant, context=fitting_settings(variant.context)), self.fitting)
        if not pooling_examples(records, self.fitting, self.pair.sem.description.taxonomy.labels):
            return self.fit
        fit = self.pair.fit_records(records, self.fitting, data=self.data, seed=self.seed)
        return fit.model_copy(update={"content_free": self.fit.content_free}) if self.fit else fit

    def _record(self, variant: Variant, samples: Sequence[Sample]) -> list[TurnRecord]:
        """Run the variant and remove the part from its evidence."""
        records = self.pair.record(variant.name, variant.context, samples, self.fit)
        if variant.context.strategy == "llm_only":
            sem_only = variant.context.model_copy(update={"strategy": "sem_only"})
            read = self.pair.record(variant.name, sem_only, samples)
            records = [replace(record, readings=one.readings) for record, one in zip(records, read, strict=True)]
        if variant.change is None:
            return records
        evidence = [variant.change(record, self.pair.sem.description.taxonomy) for record in records]
        return [
            replace(record, readings=readings, verdicts=(verdict,) if verdict else ())
            for record, (readings, verdict) in zip(records, evidence, strict=True)
        ]

    def _report(self, name: str, records: Sequence[TurnRecord]) -> Ablation:
        predictions = [record.prediction for record in records]
        labels = self.pair.sem.description.taxonomy.labels
        report = report_emotion(predictions, self.samples, labels, strategy="two_stage", seconds=0.0)
        sets = [record.readings[0].primary for record in records]
        contained = [sample.emotion in emotions for emotions, sample in zip(sets, self.samples, strict=True)]
        right, baseline = hits(records, self.samples), hits(self.baseline, self.samples)
        return Ablation(
            name=name,
            top1=report.top1,
            change=paired_difference(right, baseline, self.samples),
            ece=report.ece,
            primary_hit=float(np.mean(contained)),
            primary_size=float(np.mean([len(emotions) for emotions in sets])),
            calls=float(np.mean([record.usage.calls for record in records])),
        )


def _without_stage_one(record: TurnRecord, taxonomy: Taxonomy) -> tuple[tuple[Reading, ...], Verdict | None]:
    """Let the LLM judge all labels at once: all are primary, so none is outside."""
    first = record.readings[0].model_copy(update={"primary": taxonomy.labels})
    return (first,), record.last_verdict


def _without_escape(record: TurnRecord, taxonomy: Taxonomy) -> tuple[tuple[Reading, ...], Verdict | None]:
    """Use the LLM's verdict on the primary emotions only: a label outside them counts as no answer."""
    first, verdict = record.readings[0], record.verdicts[0]
    if verdict.scores is None and verdict.emotion not in first.primary:
        return (first,), None
    return (first,), verdict.model_copy(update={"agreed": True})
