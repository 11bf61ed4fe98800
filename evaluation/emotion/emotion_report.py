"""The results of an emotion run: rows of text, the same for a terminal and for the Markdown report, and plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...contract import PoolingWeights
from ..metrics import Estimate
from ..report import ACCENT, INK, markdown_table, new_figure, save_figure
from .ablations import Ablation
from .emotion_metrics import EmotionReport
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


def model_names(reports: Sequence[EmotionReport]) -> str:
    """Return the names of the models that took part, each once."""
    return " + ".join(dict.fromkeys(name for report in reports for name in (report.sem, report.model) if name))


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
            one.change.difference(),
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

    `command` reproduces the results, `data` is the name of the file that was measured on.

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
    parts = [
        f"# Emotion on {data}: {len(run.samples):,} samples of {conversations:,} conversations",
        f"{model_names(run.reports)}; {date}; 95% intervals over conversations.",
        f"```\n{command}\n```",
        markdown_table(strategy_rows(run.reports)),
        *(f"{line}." for line in notes(run)),
    ]
    parts += ["## Without its parts", markdown_table(ablation_rows(run.ablations))] if run.ablations else []
    parts += ["## Pictures", *(f"![{name}]({name})" for name in plots)] if plots else []
    return "\n\n".join(parts) + "\n"


def _fit_lines(fit: PoolingWeights) -> list[str]:
    shown = ["sem_weight", "llm_weight", *(_VOTES if fit.form == "generated" else ()), "escape"]
    shown += ["ask_below"] if fit.ask_below is not None else []
    values = ", ".join(f"{name} {getattr(fit, name):.2f}" for name in shown)
    origin = fit.origin
    if origin is None:
        return [f"joined with caution, not fitted: {values}"]
    return [
        f"joined ({fit.form}): {values}{', with a bias for each label' if fit.bias else ''}",
        f"fitted on {origin.samples:,} samples of {origin.conversations:,} conversations of {origin.data} "
        f"({origin.date}); log-probability of the true label {origin.before:.3f} by the SEM alone, "
        f"{origin.after:.3f} joined, {origin.held_out:.3f} cross-validated",
    ]


def draw_plots(report: EmotionReport, folder: Path) -> list[Path]:
    """Write `confusion.png` and `reliability.png` into a folder, which is created, and return their paths.

    Raises:
        SetupError: matplotlib is not installed.
    """
    title = f"{report.sem or report.model or ''}, {report.strategy}, {report.samples:,} listener turns"
    plots = {"confusion.png": _confusion, "reliability.png": _reliability}
    return [save_figure(draw(report, title), folder / name) for name, draw in plots.items()]


def draw_accuracy(reports: Sequence[EmotionReport], folder: Path) -> Path:
    """Write `accuracy.png`, the accuracy of each strategy with its interval, and return its path.

    Raises:
        SetupError: matplotlib is not installed.
    """
    figure = new_figure(6.5, 0.6 * len(reports) + 1.6)
    axes = figure.subplots()
    accuracies = [report.top1 for report in reports]
    errors = [
        [100 * (accuracy.value - accuracy.low) for accuracy in accuracies],
        [100 * (accuracy.high - accuracy.value) for accuracy in accuracies],
    ]
    values = [100 * accuracy.value for accuracy in accuracies]
    axes.barh([report.strategy for report in reports], values, xerr=errors, color=ACCENT, ecolor=INK, capsize=3)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %, with 95% interval")
    axes.set_title(f"{model_names(reports)}, {reports[0].samples:,} listener turns", fontsize=11)
    return save_figure(figure, folder / "accuracy.png")


def _confusion(report: EmotionReport, title: str) -> Any:
    """Draw the share of each true emotion's samples that is predicted as each, in percent from 2 on."""
    order = report.confusion.by_similarity()
    labels = [report.confusion.labels[i] for i in order]
    shares = report.confusion.row_normalised[order][:, order]
    side = max(5.0, 0.33 * len(labels) + 2)
    figure = new_figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Purples", vmin=0, vmax=max(0.5, float(shares.max())))
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("read")
    axes.set_ylabel("true")
    axes.set_title(f"What is read for what, % of each row\n{title}", fontsize=11)
    axes.tick_params(length=0, labelsize=9)
    for row, column in ((i, j) for i in range(len(labels)) for j in range(len(labels)) if shares[i, j] >= 0.02):
        share = float(shares[row, column])
        colour = "white" if share > 0.35 else INK
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    return figure


def _reliability(report: EmotionReport, title: str) -> Any:
    """Draw accuracy over probability, and the number of samples in each bin."""
    figure = new_figure(5.5, 6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    confidence = [bin.confidence for bin in report.reliability]
    upper.plot([0, 1], [0, 1], color="#bbbbbb", linestyle="--", linewidth=1, label="as it should be")
    upper.plot(confidence, [bin.accuracy for bin in report.reliability], "o-", color=ACCENT, label="measured")
    upper.set_ylabel("how often it is right")
    upper.set_ylim(0, 1)
    upper.legend(frameon=False)
    upper.set_title(f"Calibration error {report.ece.value:.1%}\n{title}", fontsize=11)
    lower.bar(confidence, [bin.samples for bin in report.reliability], width=0.05, color=ACCENT)
    lower.set_xlabel("probability of the first choice")
    lower.set_ylabel("samples")
    lower.set_xlim(0, 1)
    return figure
