"""Plots of emotion reports: confusion matrix, reliability diagram, and accuracy by strategy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..report import ACCENT, INK, new_figure, save_figure
from .emotion_metrics import EmotionReport


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
    names = " + ".join(dict.fromkeys(name for report in reports for name in (report.sem, report.model) if name))
    axes.set_title(f"{names}, {reports[0].samples:,} listener turns", fontsize=11)
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
