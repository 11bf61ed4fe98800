"""The figures of an emotion run as rows of text, the same for a terminal and for a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...contract import PoolingWeights
from ..metrics import Estimate
from .ablations import Ablation
from .emotion_metrics import EmotionReport
from .emotion_run import EmotionRun
from .sem_llm_pair import Gain

Row = list[str]


def strategy_rows(reports: Sequence[EmotionReport]) -> list[Row]:
    """Return one row a figure, its name first, then one cell a strategy; rows without any figure are left out."""
    rows = [[name, *(show(report) for report in reports)] for name, show in _FIGURES.items()]
    return [["", *(report.strategy for report in reports)], *(row for row in rows if any(row[1:]))]


def ablation_rows(ablations: Sequence[Ablation]) -> list[Row]:
    """Return one row a variant of two_stage."""
    head = ["two_stage", "accuracy", "change in points", "ECE", "primary hold it", "how many", "calls"]
    return [head, *(_ablation(held) for held in ablations)]


def notes(run: EmotionRun) -> list[str]:
    """Return what joining gains and how it joins, a line each."""
    crossed = ["every conversation is measured by a fit of the other part"] if run.crossed else []
    return [
        *([_gain_line(run.gain)] if run.gain else []),
        *crossed,
        *(_fit_lines(run.fit) if run.fit else []),
    ]


def _gain_line(gain: Gain) -> str:
    held = gain.gain
    return (
        f"two_stage gains {100 * held.value:+z.1f} points over the better half, {gain.baseline} "
        f"(95% interval {100 * held.low:+z.1f} to {100 * held.high:+z.1f}, drawn in pairs)"
    )


def _fit_lines(fit: PoolingWeights) -> list[str]:
    shown = ("sem_weight", "llm_weight") if fit.form == "scored" else ("sem_weight", *_VOTES)
    values = ", ".join(f"{name} {getattr(fit, name):.2f}" for name in (*shown, "escape"))
    biased = ", with a bias for each label" if fit.bias else ""
    origin = fit.origin
    if origin is None:
        return [f"joined with caution, not fitted: {values}"]
    return [
        f"joined ({fit.form}): {values}{biased}",
        f"fitted on {origin.samples:,} samples of {origin.conversations:,} conversations of {origin.data} "
        f"({origin.date}); log-probability of the true label {origin.before:.3f} by the SEM alone, "
        f"{origin.after:.3f} joined, {origin.held_out:.3f} cross-validated",
    ]


def share(held: Estimate) -> str:
    """Return a share in percent with half its interval."""
    return f"{held.value:.1%} ±{50 * (held.high - held.low):.1f}"


_VOTES = ("vote_first", "vote_primary", "vote_outside")


def _way(name: str, show: Callable[[float], str]) -> Callable[[EmotionReport], str]:
    def cell(report: EmotionReport) -> str:
        value = getattr(report.course, name, None)
        if value is None:
            return ""
        return share(value) if isinstance(value, Estimate) else show(value)

    return cell


_FIGURES: dict[str, Callable[[EmotionReport], str]] = {
    "accuracy": lambda report: share(report.top1),
    "top-3": lambda report: share(report.top3),
    "top-5": lambda report: share(report.top5),
    "ECE": lambda report: share(report.ece),
    "NLL": lambda report: f"{report.nll.value:.3f}",
    "primary hold it": _way("primary_hit", str),
    "primary emotions": _way("primary_size", "{:.1f}".format),
    "LLM named none": _way("unjudged", "{:.1%}".format),
    "escapes": _way("escape_rate", str),
    "LLM right then": _way("escape_right", str),
    "decided right": _way("escape_decided", str),
    "re-queries": _way("requery_rate", str),
    "wrong to right": _way("mended", str),
    "right to wrong": _way("spoiled", str),
    "LLM calls": _way("calls", "{:.2f}".format),
    "tokens read": _way("prompt_tokens", "{:,.0f}".format),
    "tokens written": _way("completion_tokens", "{:,.1f}".format),
    "seconds": _way("seconds", "{:.3f}".format),
}


def _ablation(held: Ablation) -> Row:
    change = held.change
    return [
        held.name,
        share(held.top1),
        f"{100 * change.value:+z.1f} ({100 * change.low:+z.1f} to {100 * change.high:+z.1f})",
        f"{held.ece.value:.1%}",
        f"{held.primary_hit:.1%}",
        f"{held.primary_size:.1f}",
        f"{held.calls:.2f}",
    ]
