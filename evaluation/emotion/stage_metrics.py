"""How turns went on the way to their decision: the ceiling of stage one, escapes, re-queries, and the cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...data.conversations import Sample
from ...nodes.deciding.decision import decide
from ...sem import Taxonomy
from ..llm_cache import Usage
from ..metrics import Estimate, mean_estimate
from .turn_record import TurnRecord


class StageMetrics(BaseModel):
    """Figures of the way, over all samples of a strategy."""

    model_config = ConfigDict(frozen=True)

    primary_hit: Estimate | None = Field(
        default=None, description="How often the primary emotions hold the true one: the ceiling of stage one"
    )
    primary_size: float | None = Field(default=None, description="How many primary emotions there are, on average")
    unjudged: float | None = Field(default=None, description="Share of samples in which the LLM named no label")
    escape_rate: Estimate | None = Field(
        default=None, description="How often the LLM in the end stood by an emotion outside the primary ones"
    )
    escape_right: Estimate | None = Field(default=None, description="How often what it named there is right")
    escape_decided: Estimate | None = Field(default=None, description="How often the decision there is right")
    requery_rate: Estimate | None = Field(default=None, description="How often the SEM was asked again")
    mended: int | None = Field(default=None, description="Decisions that re-queries turned from wrong to right")
    spoiled: int | None = Field(default=None, description="Decisions that re-queries turned from right to wrong")
    calls: float = Field(description="LLM calls a sample")
    prompt_tokens: float | None = Field(default=None, description="Tokens the LLM was given a sample")
    completion_tokens: float | None = Field(default=None, description="Tokens it wrote a sample")
    seconds: float = Field(description="Seconds a sample; the SEM alone reads many at once")


def stage_metrics(
    records: Sequence[TurnRecord], samples: Sequence[Sample], taxonomy: Taxonomy, *, stages: bool
) -> StageMetrics:
    """Return the figures of a strategy's turns.

    Args:
        records: What happened.
        samples: In which dialogues.
        taxonomy: The labels.
        stages: Whether the strategy has a coarse and a fine stage.
    """
    usage = sum((record.usage for record in records), Usage())
    count = len(records)
    found: dict[str, object] = {
        "unjudged": sum(record.judged is None for record in records) / count if usage.calls else None,
        "calls": usage.calls / count,
        "prompt_tokens": _each(usage, usage.prompt_tokens, count),
        "completion_tokens": _each(usage, usage.completion_tokens, count),
        "seconds": sum(record.seconds for record in records) / count,
    }
    if all(record.readings for record in records):
        found |= _stage_one(records, samples)
    if stages:
        found |= _escapes(records, samples) | _requeries(records, samples, taxonomy)
    return StageMetrics.model_validate(found)


def _each(usage: Usage, tokens: int | None, count: int) -> float | None:
    return tokens / count if usage.calls and tokens is not None else None


def _stage_one(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> dict[str, object]:
    sets = [record.readings[0].primary for record in records]
    hits = [sample.emotion in found for found, sample in zip(sets, samples, strict=True)]
    return {"primary_hit": _share(hits, samples), "primary_size": float(np.mean([len(found) for found in sets]))}


def _escapes(records: Sequence[TurnRecord], samples: Sequence[Sample]) -> dict[str, object]:
    away = [record.judged is not None and not record.judged.agreed for record in records]
    there = [pair for pair, gone in zip(zip(records, samples, strict=True), away, strict=True) if gone]
    rate = {"escape_rate": _share(away, samples)}
    if not there:
        return {**rate}
    places = [sample for _, sample in there]
    return {
        **rate,
        "escape_right": _share([record.verdicts[-1].emotion == sample.emotion for record, sample in there], places),
        "escape_decided": _share([record.prediction.emotion == sample.emotion for record, sample in there], places),
    }


def _requeries(records: Sequence[TurnRecord], samples: Sequence[Sample], taxonomy: Taxonomy) -> dict[str, object]:
    again = [pair for pair in zip(records, samples, strict=True) if len(pair[0].readings) > 1]
    change = [
        (record.prediction.emotion == sample.emotion)
        - (decide(record.readings[:1], record.verdicts[0], taxonomy, record.fit).emotion == sample.emotion)
        for record, sample in again
    ]
    return {
        "requery_rate": _share([len(record.readings) > 1 for record in records], samples),
        "mended": change.count(1),
        "spoiled": change.count(-1),
    }


def _share(held: Sequence[bool], samples: Sequence[Sample]) -> Estimate:
    return mean_estimate(np.array(held, dtype=float), [sample.conv_id for sample in samples])
