"""Pictures of an emotion report: what is taken for what, and how far its probabilities come true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...contract import SetupError
from .emotion_metrics import EmotionReport

_INK, _FILL = "#222222", "#8e44ad"


def draw_plots(report: EmotionReport, folder: Path) -> list[Path]:
    """Write `confusion.png` and `reliability.png` into a folder, which is made where it is missing.

    Raises:
        SetupError: matplotlib is not installed.
    """
    figure = figure_class()
    folder.mkdir(parents=True, exist_ok=True)
    name = report.sem or report.model or ""
    titled = f"{name}, {report.strategy}, {report.samples:,} listener turns"
    drawn = {"confusion.png": _confusion, "reliability.png": _reliability}
    for file, draw in drawn.items():
        draw(figure, report, titled).savefig(folder / file, dpi=130)
    return [folder / file for file in drawn]


def draw_accuracy(reports: Sequence[EmotionReport], folder: Path) -> Path:
    """Write `accuracy.png`, the accuracy of each strategy with its interval.

    Raises:
        SetupError: matplotlib is not installed.
    """
    figure = figure_class()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = figure(figsize=(6.5, 0.6 * len(reports) + 1.6), layout="constrained")
    axes = drawn.subplots()
    held = [report.top1 for report in reports]
    values = [100 * one.value for one in held]
    reach = [
        [100 * (one.value - one.low) for one in held],
        [100 * (one.high - one.value) for one in held],
    ]
    axes.barh([report.strategy for report in reports], values, xerr=reach, color=_FILL, ecolor=_INK, capsize=3)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %, with 95% interval")
    names = " + ".join(dict.fromkeys(name for report in reports for name in (report.sem, report.model) if name))
    axes.set_title(f"{names}, {reports[0].samples:,} listener turns", fontsize=11)
    drawn.savefig(folder / "accuracy.png", dpi=130)
    return folder / "accuracy.png"


def figure_class() -> Any:
    """Return matplotlib's figure, which draws without a screen.

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SetupError("plots need matplotlib: install it with `pip install 'hef[train]'`") from error
    return Figure


def _confusion(figure: Any, report: EmotionReport, title: str) -> Any:
    """Draw the share of each true emotion's samples that is read as each, in percent from 2 on."""
    order = report.confusion.by_similarity()
    labels = [report.confusion.labels[i] for i in order]
    shares = report.confusion.shares[order][:, order]
    side = max(5.0, 0.33 * len(labels) + 2)
    drawn = figure(figsize=(side, side), layout="constrained")
    axes = drawn.subplots()
    axes.imshow(shares, cmap="Purples", vmin=0, vmax=max(0.5, float(shares.max())))
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("read")
    axes.set_ylabel("true")
    axes.set_title(f"What is read for what, % of each row\n{title}", fontsize=11)
    axes.tick_params(length=0, labelsize=9)
    for row, column in ((i, j) for i in range(len(labels)) for j in range(len(labels)) if shares[i, j] >= 0.02):
        share = float(shares[row, column])
        colour = "white" if share > 0.35 else _INK
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    return drawn


def _reliability(figure: Any, report: EmotionReport, title: str) -> Any:
    """Draw accuracy over probability, and how many samples lie where."""
    drawn = figure(figsize=(5.5, 6), layout="constrained")
    upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    confidence = [held.confidence for held in report.reliability]
    upper.plot([0, 1], [0, 1], color="#bbbbbb", linestyle="--", linewidth=1, label="as it should be")
    upper.plot(confidence, [held.accuracy for held in report.reliability], "o-", color=_FILL, label="measured")
    upper.set_ylabel("how often it is right")
    upper.set_ylim(0, 1)
    upper.legend(frameon=False)
    upper.set_title(f"Calibration error {report.ece.value:.1%}\n{title}", fontsize=11)
    lower.bar(confidence, [held.samples for held in report.reliability], width=0.05, color=_FILL)
    lower.set_xlabel("probability of the first choice")
    lower.set_ylabel("samples")
    lower.set_xlim(0, 1)
    return drawn
