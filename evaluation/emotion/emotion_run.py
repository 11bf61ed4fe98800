"""One run of `hef evaluate emotion`: fit where it is wanted, measure the strategies, take parts away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...contract import HefContext, PoolingWeights
from ...contract.context import Strategy
from ...data.conversations import Sample
from ...data.samples import split_by_conversation
from ..caching_sem import RememberedSem
from .ablations import Ablation, Ablations, variants
from .emotion_metrics import EmotionReport
from .sem_llm_pair import Gain, Pair, gain_over_halves
from .turn_record import TurnRecord


@dataclass(frozen=True)
class EmotionRun:
    """What a run found."""

    samples: list[Sample]
    """What was measured on."""
    records: dict[Strategy, list[TurnRecord]]
    """What happened, by strategy."""
    reports: list[EmotionReport]
    """Figures, one a strategy."""
    gain: Gain | None = None
    """What two_stage gains, where it and both halves were measured."""
    fit: PoolingWeights | None = None
    """What joins SEM and LLM: what was fitted or given, the shipped fit or the cautious default."""
    crossed: bool = False
    """Whether every conversation was measured by a fit of the other part."""
    ablations: list[Ablation] = field(default_factory=list)
    """Two_stage without its parts, where that was wanted."""


def run_emotion(
    pair: Pair,
    strategies: Sequence[Strategy],
    samples: Sequence[Sample],
    base: HefContext,
    *,
    data: str,
    seed: int = 0,
    fit: PoolingWeights | None = None,
    fit_share: float | None = None,
    cross_fit: bool = False,
    ablate: bool = False,
) -> EmotionRun:
    """Measure strategies on the same samples.

    Args:
        pair: SEM and LLM.
        strategies: What is measured.
        samples: The dialogues.
        base: Settings of the runs; the strategy is set in each.
        data: Name of the file.
        seed: Of halves and folds.
        fit: How SEM and LLM are joined; None takes the shipped fit or the cautious default.
        fit_share: Fit on so much of the conversations, and measure on the others; None fits nothing.
        cross_fit: Then also fit on the others and measure on the first, so that every conversation is measured by
            a fit that has not seen it; the fit of the run is one of all conversations.
        ablate: Also measure two_stage without its parts, on one part of the conversations.

    Raises:
        SetupError: There is nothing to fit, or too little.
    """
    two_stage = base.model_copy(update={"strategy": "two_stage"})
    # Fits and ablations are not timed, so the SEM need not read the same dialogue again and again.
    quick = replace(pair, sem=RememberedSem(pair.sem))

    def fitted(on: Sequence[Sample]) -> PoolingWeights:
        return quick.fit(two_stage, on, data=data, seed=seed)

    fitting, measured = (
        split_by_conversation(samples, fit_share, seed) if fit_share is not None else ([], list(samples))
    )
    parts = [(measured, fitted(fitting) if fitting else fit)]
    if cross_fit and fitting:
        parts.append((fitting, fitted(measured)))
    records: dict[Strategy, list[TurnRecord]] = {}
    for name in strategies:
        context = base.model_copy(update={"strategy": name})
        records[name] = [one for part, own in parts for one in pair.record(name, context, part, own)]
    everything = [sample for part, _ in parts for sample in part]
    whole = records.get("two_stage", [])[: len(measured)]
    used = _in_use(whole)
    without = Ablations(quick, fitting, measured, whole, used, data, seed)
    return EmotionRun(
        samples=everything,
        records=records,
        reports=[pair.report(name, found, everything) for name, found in records.items()],
        gain=gain_over_halves(records, everything),
        fit=fitted(samples) if len(parts) > 1 else used,
        crossed=len(parts) > 1,
        ablations=[without.measure(variant) for variant in variants(two_stage)] if ablate else [],
    )


def _in_use(records: Sequence[TurnRecord]) -> PoolingWeights | None:
    """Return the fit that joined recorded turns."""
    return next((record.fit for record in records if record.fit), None)
