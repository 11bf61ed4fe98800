"""What each part of two-stage prediction is worth: the same turns decided without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...contract import HefContext, PoolingWeights, Reading, Verdict
from ...contract.context import Strategy
from ...data.conversations import Sample
from ...nodes.deciding.decision import decide, decide_by_llm
from ...sem import Taxonomy
from ..metrics import Estimate
from .emotion_metrics import report_emotion
from .fitting import pooling_evidence
from .prediction import Prediction
from .sem_llm_pair import Pair, hits, paired
from .turn_record import TurnRecord

Change: TypeAlias = Callable[[TurnRecord, Taxonomy], tuple[tuple[Reading, ...], Verdict | None]]
"""From a recorded turn to the evidence that is left without a part."""
LARGEST = 10
"""Primary emotions are counted up to so many."""
COVERAGE = 0.9
"""The coverage of the prediction sets beside them."""


class Ablation(BaseModel):
    """Two-stage prediction without a part of it, or with another one."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="What is different")
    top1: Estimate = Field(description="Accuracy")
    change: Estimate = Field(description="Accuracy minus that of two_stage as it is; drawn in pairs")
    ece: Estimate = Field(description="Expected calibration error, 15 bins")
    primary_hit: float = Field(description="How often the primary emotions hold the true one")
    primary_size: float = Field(description="How many primary emotions there are, on average")
    calls: float = Field(description="LLM calls a sample")


@dataclass(frozen=True)
class Variant:
    """One way to do without a part."""

    name: str
    """What is different."""
    context: HefContext
    """Settings of the runs."""
    change: Change | None = None
    """What evidence is left; None leaves it as it was recorded."""
    joined: bool = True
    """Whether both sources are joined; otherwise the LLM is obeyed."""


def variants(base: HefContext) -> list[Variant]:
    """Return what is measured, beside two_stage with these settings."""

    def like(**changed: object) -> HefContext:
        return base.model_copy(update=changed)

    return [
        Variant("without stage one", like(strategy="llm_only"), _without_stage_one),
        Variant("without the escape", base, _without_escape),
        Variant("without re-query", like(max_requeries=0)),
        Variant("without pooling", base, joined=False),
        *(Variant(f"top {k}", like(primary=k)) for k in range(1, LARGEST + 1)),
        Variant(f"sets of {COVERAGE:.0%}", like(primary=COVERAGE)),
    ]


@dataclass(frozen=True)
class Ablations:
    """Measure variants of one pair.

    Each is fitted anew where there are samples to fit on, so that none is judged by weights that
    were made for another.
    """

    pair: Pair
    """SEM and LLM."""
    fitting: Sequence[Sample]
    """Samples to fit on; none joins with `fit`."""
    samples: Sequence[Sample]
    """Samples to measure on."""
    whole: Sequence[TurnRecord]
    """What two_stage as it is did on them."""
    fit: PoolingWeights | None
    """What joins where there is nothing to fit on."""
    data: str
    """Name of the file."""
    seed: int
    """Of the folds."""

    def measure(self, variant: Variant) -> Ablation:
        """Return the figures of one variant."""
        records = self._left(variant, self.samples)
        fit = self._fitted(variant) if variant.joined else self.fit
        choose = decide if variant.joined else decide_by_llm
        taxonomy = self.pair.sem.description.taxonomy
        made = []
        for record in records:
            decision = choose(record.readings, record.judged, taxonomy, fit)
            made.append(replace(record, prediction=Prediction(decision.emotion, decision.distribution)))
        return self._report(variant.name, made)

    def _fitted(self, variant: Variant) -> PoolingWeights | None:
        if not self.fitting:
            return self.fit
        records = self._left(variant, self.fitting)
        if not pooling_evidence(records, self.fitting, self.pair.sem.description.taxonomy.labels):
            return self.fit
        fitted = self.pair.fit_records(records, self.fitting, data=self.data, seed=self.seed)
        return fitted.model_copy(update={"content_free": self.fit.content_free}) if self.fit else fitted

    def _left(self, variant: Variant, samples: Sequence[Sample]) -> list[TurnRecord]:
        """Run the variant and take away what it does without."""
        records = self.pair.record(variant.name, variant.context, samples, self.fit)
        if variant.context.strategy == "llm_only":
            first = self.pair.record(variant.name, variant.context.model_copy(update=_SEM), samples)
            records = [replace(one, readings=read.readings) for one, read in zip(records, first, strict=True)]
        if variant.change is None:
            return records
        left = [variant.change(record, self.pair.sem.description.taxonomy) for record in records]
        return [
            replace(record, readings=readings, verdicts=(verdict,) if verdict else ())
            for record, (readings, verdict) in zip(records, left, strict=True)
        ]

    def _report(self, name: str, records: Sequence[TurnRecord]) -> Ablation:
        found = [record.prediction for record in records]
        labels = self.pair.sem.description.taxonomy.labels
        figures = report_emotion(found, self.samples, labels, strategy="two_stage", seconds=0.0)
        sets = [record.readings[0].primary for record in records]
        held = [sample.emotion in one for one, sample in zip(sets, self.samples, strict=True)]
        return Ablation(
            name=name,
            top1=figures.top1,
            change=paired(hits(records, self.samples), hits(self.whole, self.samples), self.samples),
            ece=figures.ece,
            primary_hit=float(np.mean(held)),
            primary_size=float(np.mean([len(one) for one in sets])),
            calls=float(np.mean([record.usage.calls for record in records])),
        )


_SEM: dict[str, Strategy] = {"strategy": "sem_only"}


def _without_stage_one(record: TurnRecord, taxonomy: Taxonomy) -> tuple[tuple[Reading, ...], Verdict | None]:
    """Let the LLM judge all labels at once: none is primary, so none is outside."""
    first = record.readings[0].model_copy(update={"primary": taxonomy.labels})
    return (first,), record.judged


def _without_escape(record: TurnRecord, taxonomy: Taxonomy) -> tuple[tuple[Reading, ...], Verdict | None]:
    """Hear the LLM on the primary emotions alone: what it names outside them is no answer."""
    first, verdict = record.readings[0], record.verdicts[0]
    if verdict.scores is None and verdict.emotion not in first.primary:
        return (first,), None
    return (first,), verdict.model_copy(update={"agreed": True})
