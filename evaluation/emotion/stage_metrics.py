"""Metrics of how decisions were reached: the upper bound of stage one, escapes, re-queries, and the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from ...data.conversations import Sample
from ...nodes.deciding.decision import decide
from ...sem import Taxonomy
from ..llm_cache import Usage
from ..metrics import Estimate, mean_estimate

if TYPE_CHECKING:
    from .turn_record import TurnRecord


class StageMetrics(BaseModel, frozen=True):
    """Metrics of the stages over all samples of a strategy."""

    primary_hit: Estimate | None = Field(
        default=None, description="How often the primary emotions contain the true one: the upper bound of stage one"
    )
    primary_size: float | None = Field(default=None, description="Mean number of primary emotions")
    no_label_rate: float | None = Field(
        default=None, description="Share of samples in which the LLM named no label, of those it was asked about"
    )
    escape_rate: Estimate | None = Field(
        default=None, description="How often the LLM's last verdict is an emotion outside the primary ones"
    )
    escape_right: Estimate | None = Field(default=None, description="How often that emotion is right")
    escape_decided: Estimate | None = Field(default=None, description="How often the decision is right then")
    requery_rate: Estimate | None = Field(default=None, description="How often the SEM was queried again")
    fixed_by_requery: int | None = Field(
        default=None, description="Decisions that re-queries turned from wrong to right"
    )
    broken_by_requery: int | None = Field(
        default=None, description="Decisions that re-queries turned from right to wrong"
    )
    calls: float = Field(description="LLM calls per sample")
    prompt_tokens: float | None = Field(default=None, description="Tokens the LLM read per sample")
    completion_tokens: float | None = Field(default=None, description="Tokens it wrote per sample")
    seconds: float = Field(description="Seconds per sample; the SEM alone reads many at once")


def stage_metrics(
    records: Sequence[TurnRecord], samples: Sequence[Sample], taxonomy: Taxonomy, *, stages: bool
) -> StageMetrics:
    """Return the metrics of a strategy's turns; `stages` says whether it has a coarse and a fine stage."""
    usage = sum((record.usage for record in records), Usage())
    count = len(records)
    metrics: dict[str, object] = {
        "no_label_rate": _no_label_rate(records) if usage.calls else None,
        "calls": usage.calls / count,
        "prompt_tokens": _per_sample(usage, usage.prompt_tokens, count),
        "completion_tokens": _per_sample(usage, usage.completion_tokens, count),
        "seconds": sum(record.seconds for record in records) / count,
    }
    if all(record.readings for record in records):
        metrics |= _stage_one(records, samples)
    if stages:
        metrics |= _escapes(records, samples) | _requeries(records, samples, taxonomy)
    return StageMetrics.model_validate(metrics)


def _no_label_rate(records: Sequence[TurnRecord]) -> float:
    """Return how often the LLM named no label where it was asked."""
    asked = [record for record in records if not any(verdict.left_to_sem for verdict in record.verdicts)]
    return sum(record.last_verdict is None for record in asked) / len(asked)


def _per_sample(usage: Usage, tokens: int | None, count: int) -> float | None:
    return tokens / count if usage.calls and tokens is not None else None


def _stage_one(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> dict[str, object]:
    sets = [record.readings[0].primary for record in records]
    hits = [sample.emotion in emotions for emotions, sample in zip(sets, samples, strict=True)]
    return {"primary_hit": _rate(hits, samples), "primary_size": float(np.mean([len(emotions) for emotions in sets]))}


def _escapes(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> dict[str, object]:
    escaped = [record.last_verdict is not None and not record.last_verdict.agreed for record in records]
    rate = _rate(escaped, samples)
    pairs = [pair for pair, escape in zip(zip(records, samples, strict=True), escaped, strict=True) if escape]
    if not pairs:
        return {"escape_rate": rate}
    subset = [sample for _, sample in pairs]
    return {
        "escape_rate": rate,
        "escape_right": _rate([record.verdicts[-1].emotion == sample.emotion for record, sample in pairs], subset),
        "escape_decided": _rate([record.prediction.emotion == sample.emotion for record, sample in pairs], subset),
    }


def _requeries(records: Sequence[TurnRecord], samples: Sequence[Sample], taxonomy: Taxonomy) -> dict[str, object]:
    requeried = [pair for pair in zip(records, samples, strict=True) if len(pair[0].readings) > 1]
    changes = [
        (record.prediction.emotion == sample.emotion)
        - (decide(record.readings[:1], record.verdicts[0], taxonomy, record.fit).emotion == sample.emotion)
        for record, sample in requeried
    ]
    return {
        "requery_rate": _rate([len(record.readings) > 1 for record in records], samples),
        "fixed_by_requery": changes.count(1),
        "broken_by_requery": changes.count(-1),
    }


def _rate(events: Sequence[bool], samples: Sequence[Sample]) -> Estimate:
    return mean_estimate(np.array(events, dtype=float), [sample.conv_id for sample in samples])
