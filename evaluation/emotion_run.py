"""One run of `hef evaluate emotion`: fit where it is wanted, measure the strategies, take parts away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..contract import Fit, HefContext
from ..contract.context import Strategy
from ..sem.training.data import Sample
from .ablations import Ablation, Ablations, variants
from .emotion import EmotionReport
from .remembered_sem import RememberedSem
from .samples import halves
from .strategies import Gain, Pair, gain_over_halves
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
    fit: Fit | None = None
    """What joined SEM and LLM."""
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
    fit: Fit | None = None,
    fit_share: float | None = None,
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
        ablate: Also measure two_stage without its parts.

    Raises:
        SetupError: There is nothing to fit, or too little.
    """
    fitting: list[Sample] = []
    measured = list(samples)
    two_stage = base.model_copy(update={"strategy": "two_stage"})
    if fit_share is not None:
        fitting, measured = halves(samples, fit_share, seed)
        fit = pair.fit(two_stage, fitting, data=data, seed=seed)
    records: dict[Strategy, list[TurnRecord]] = {
        name: pair.record(name, base.model_copy(update={"strategy": name}), measured, fit) for name in strategies
    }
    used = pair.fit_in_use(records.get("two_stage", []), fit)
    # Ablations are not timed, so the SEM need not read the same dialogue again and again.
    quick = replace(pair, sem=RememberedSem(pair.sem))
    without = Ablations(quick, fitting, measured, records.get("two_stage", []), used, data, seed)
    return EmotionRun(
        samples=measured,
        records=records,
        reports=[pair.report(name, found, measured, used) for name, found in records.items()],
        gain=gain_over_halves(records, measured),
        fit=used,
        ablations=[without.measure(variant) for variant in variants(two_stage)] if ablate else [],
    )
