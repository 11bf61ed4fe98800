"""The results of an emotion run as rows of text, the same for a terminal and for the Markdown report with plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...contract import PoolingWeights
from ..metrics import Estimate
from ..report import markdown_table
from .ablations import Ablation
from .emotion_metrics import EmotionReport
from .emotion_plots import draw_accuracy, draw_plots
from .emotion_run import EmotionRun

_VOTES = ("vote_first", "vote_primary", "vote_outside")


def _stage(name: str, show: Callable[[float], str] = str) -> Callable[[EmotionReport], str]:
    def cell(report: EmotionReport) -> str:
        value = getattr(report.stages, name, None)
        if value is None:
            return ""
        return value.percent() if isinstance(value, Estimate) else show(value)

    return cell


_ROWS: dict[str, Callable[[EmotionReport], str]] = {
    "accuracy": lambda report: report.top1.percent(),
    "top-3": lambda report: report.top3.percent(),
    "top-5": lambda report: report.top5.percent(),
    "ECE": lambda report: report.ece.percent(),
    "NLL": lambda report: f"{report.nll.value:.3f}",
    "primary hold it": _stage("primary_hit"),
    "primary emotions": _stage("primary_size", "{:.1f}".format),
    "LLM named none": _stage("no_label_rate", "{:.1%}".format),
    "escapes": _stage("escape_rate"),
    "LLM right then": _stage("escape_right"),
    "decided right": _stage("escape_decided"),
    "re-queries": _stage("requery_rate"),
    "wrong to right": _stage("fixed_by_requery"),
    "right to wrong": _stage("broken_by_requery"),
    "LLM calls": _stage("calls", "{:.2f}".format),
    "tokens read": _stage("prompt_tokens", "{:,.0f}".format),
    "tokens written": _stage("completion_tokens", "{:,.1f}".format),
    "seconds": _stage("seconds", "{:.3f}".format),
}


def strategy_rows(reports: Sequence[EmotionReport]) -> list[list[str]]:
    """Return a heading, and a row per metric with one cell per strategy; empty rows are left out."""
    rows = [[name, *(cell(report) for report in reports)] for name, cell in _ROWS.items()]
    return [["", *(report.strategy for report in reports)], *(row for row in rows if any(row[1:]))]


def ablation_rows(ablations: Sequence[Ablation]) -> list[list[str]]:
    """Return a heading, and one row per variant of two_stage."""
    rows = [
        [
            one.name,
            one.top1.percent(),
            one.change.signed(),
            f"{one.ece.value:.1%}",
            f"{one.primary_hit:.1%}",
            f"{one.primary_size:.1f}",
            f"{one.calls:.2f}",
        ]
        for one in ablations
    ]
    return [["two_stage", "accuracy", "change in points", "ECE", "primary hold it", "how many", "calls"], *rows]


def notes(run: EmotionRun) -> list[str]:
    """Return lines about the gain and the weights of the join."""
    lines = _fit_lines(run.fit) if run.fit else []
    if run.cross_fitted:
        lines.insert(0, "every conversation is measured by a fit of the other part")
    if run.gain:
        value, low, high = (100 * bound for bound in (run.gain.gain.value, run.gain.gain.low, run.gain.gain.high))
        lines.insert(
            0,
            f"two_stage gains {value:+z.1f} points over the better half, {run.gain.baseline} "
            f"(95% interval {low:+z.1f} to {high:+z.1f}, drawn in pairs)",
        )
    return lines


def write_report(run: EmotionRun, folder: Path, *, data: str, command: str, date: str) -> Path:
    """Write `report.md` and its plots into a folder, which is created, and return the report's path.

    Args:
        run: The results.
        folder: Where they are written.
        data: Name of the file that was measured on.
        command: How to reproduce the results.
        date: Day of the run.

    Raises:
        SetupError: matplotlib is not installed.
    """
    shown = next((report for report in run.reports if report.strategy == "two_stage"), run.reports[0])
    plots = [draw_accuracy(run.reports, folder)] if len(run.reports) > 1 else []
    names = [path.name for path in (*plots, *draw_plots(shown, folder))]
    path = folder / "report.md"
    path.write_text(report_text(run, names, data=data, command=command, date=date), encoding="utf-8")
    return path


def report_text(run: EmotionRun, plots: Sequence[str] = (), *, data: str, command: str, date: str) -> str:
    """Return the report as Markdown."""
    conversations = len({sample.conv_id for sample in run.samples})
    names = dict.fromkeys(name for report in run.reports for name in (report.sem, report.model) if name)
    parts = [
        f"# Emotion on {data}: {len(run.samples):,} samples of {conversations:,} conversations",
        f"{' + '.join(names)}; {date}; 95% intervals over conversations.",
        f"```\n{command}\n```",
        markdown_table(strategy_rows(run.reports)),
        *(f"{line}." for line in notes(run)),
    ]
    parts += ["## Without its parts", markdown_table(ablation_rows(run.ablations))] if run.ablations else []
    parts += ["## Pictures", *(f"![{name}]({name})" for name in plots)] if plots else []
    return "\n\n".join(parts) + "\n"


def _fit_lines(fit: PoolingWeights) -> list[str]:
    shown = ("sem_weight", "llm_weight") if fit.form == "scored" else ("sem_weight", *_VOTES)
    values = ", ".join(f"{name} {getattr(fit, name):.2f}" for name in (*shown, "escape"))
    origin = fit.origin
    if origin is None:
        return [f"joined with caution, not fitted: {values}"]
    return [
        f"joined ({fit.form}): {values}{', with a bias for each label' if fit.bias else ''}",
        f"fitted on {origin.samples:,} samples of {origin.conversations:,} conversations of {origin.data} "
        f"({origin.date}); log-probability of the true label {origin.before:.3f} by the SEM alone, "
        f"{origin.after:.3f} joined, {origin.held_out:.3f} cross-validated",
    ]
