"""One run of `hef evaluate emotion`: optionally fit the join, measure the strategies, and ablate two_stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...contract import HefContext, PoolingWeights
from ...contract.context import Strategy
from ...data.conversations import Sample, split_by_conversation
from ..batch_chat import BatchChat
from ..caching_models import CachingSem
from .ablations import Ablation, Ablations, variants
from .emotion_metrics import EmotionReport, sklearn_metrics
from .sem_llm_pair import Gain, SemLlmPair, fitting_settings, gain_over_halves
from .turn_record import TurnRecord


@dataclass(frozen=True)
class EmotionRun:
    """Results of a run."""

    samples: list[Sample]
    """The measured samples."""
    records: dict[Strategy, list[TurnRecord]]
    """Their turns, by strategy."""
    reports: list[EmotionReport]
    """One per strategy."""
    gain: Gain | None = None
    """Gain of two_stage, where it and both halves were measured."""
    fit: PoolingWeights | None = None
    """What joins SEM and LLM: the fitted or given weights, the shipped fit or the default."""
    cross_fitted: bool = False
    """Whether every conversation was measured by a fit on the other part."""
    ablations: list[Ablation] = field(default_factory=list)
    """Two_stage without its parts, if requested."""


def asked_settings(strategies: Sequence[Strategy], base: HefContext, *, fits: bool) -> list[HefContext]:
    """Return the settings of all runs of an evaluation in which an LLM is asked, without those of ablations."""
    asked = [base.model_copy(update={"strategy": name}) for name in strategies if name != "sem_only"]
    return [*asked, fitting_settings(base.model_copy(update={"strategy": "two_stage"}))] if fits else asked


def run_emotion(
    pair: SemLlmPair,
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
        seed: Seed of halves and folds.
        fit: How SEM and LLM are joined; None takes the shipped fit or the default.
        fit_share: Fit on this share of the conversations, and measure on the others; None fits nothing.
        cross_fit: Then also fit on the others and measure on the first, so that every conversation is measured by
            a fit that has not seen it; the fit of the run is one of all conversations.
        ablate: Also measure two_stage without its parts, on one part of the conversations.

    Raises:
        UnansweredQuestion: The LLM is a `BatchChat` without an answer to some question; all are asked by then.
        SetupError: There is nothing to fit, or too little; or scikit-learn is not installed.
    """
    sklearn_metrics()
    two_stage = base.model_copy(update={"strategy": "two_stage"})
    # Fits and ablations are not timed, so the SEM need not read the same dialogue again and again.
    untimed = replace(pair, sem=CachingSem(pair.sem))

    if isinstance(pair.model, BatchChat):
        contexts = asked_settings(strategies, base, fits=fit_share is not None)
        contexts += [variant.context for variant in variants(two_stage)] if ablate else []
        untimed.ask_ahead(contexts, samples)

    def fit_on(part: Sequence[Sample]) -> PoolingWeights:
        return untimed.fit(two_stage, part, data=data, seed=seed)

    fitting: list[Sample] = []
    measured = list(samples)
    if fit_share is not None:
        fitting, measured = split_by_conversation(samples, fit_share, seed)
    parts = [(measured, fit_on(fitting) if fitting else fit)]
    if cross_fit and fitting:
        parts.append((fitting, fit_on(measured)))
    records: dict[Strategy, list[TurnRecord]] = {}
    for name in strategies:
        context = base.model_copy(update={"strategy": name})
        records[name] = [record for part, weights in parts for record in pair.record(name, context, part, weights)]
    everything = [sample for part, _ in parts for sample in part]
    baseline = records.get("two_stage", [])[: len(measured)]
    # The default weights of an LLM that answers in words follow its reliability, turn by turn: the last ones are known
    # best, and are none for all turns. By a fit whose `ask_below` is 0 it is asked in no turn.
    used = next((record.fit for record in reversed(baseline) if record.fit), parts[0][1])
    common = used if used and used.origin else fit
    ablations = Ablations(untimed, fitting, measured, baseline, common, data, seed)
    return EmotionRun(
        samples=everything,
        records=records,
        reports=[pair.report(name, turns, everything) for name, turns in records.items()],
        gain=gain_over_halves(records, everything),
        fit=fit_on(samples) if len(parts) > 1 else used,
        cross_fitted=len(parts) > 1,
        ablations=[ablations.measure(variant) for variant in variants(two_stage)] if ablate else [],
    )
