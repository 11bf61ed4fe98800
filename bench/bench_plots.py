"""Plots of benchmarks: growth of the memory's cost, and the cost of HEF on a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..evaluation.report import ACCENT, new_figure, save_figure
from .memory_speed import Comparison, MemorySpeed
from .serving_speed import ServeSpeed

_GREY = "#999999"


def plot_growth(reports: Sequence[MemorySpeed], folder: Path) -> Path:
    """Write `memory.png`: milliseconds of recalling and of writing over the number of turns, beside raw calls.

    Raises:
        SetupError: matplotlib is not installed.
    """
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    turns = [report.turns for report in reports]
    _draw_growth(left, turns, [report.recall for report in reports], "recalling", "Chroma's filtered query")
    _draw_growth(right, turns, [report.write for report in reports], "writing a turn", "Chroma's upsert of a row")
    left.set_ylabel("milliseconds, median up to 95th percentile")
    return save_figure(figure, folder / "memory.png")


def plot_serving(report: ServeSpeed, folder: Path) -> Path:
    """Write `serve.png`: turns per second over concurrent conversations, and processor time over the thread's length.

    Raises:
        SetupError: matplotlib is not installed.
    """
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    rates = {str(figures.conversations): figures.turns_per_second for figures in report.concurrency}
    left.bar(list(rates), list(rates.values()), color=ACCENT, width=0.6)
    left.set_xlabel("conversations at once")
    left.set_title("turns a second", fontsize=11)
    left.spines[["top", "right"]].set_visible(False)
    costs = {length.turn: length.cpu_ms for length in report.lengths}
    right.plot(list(costs), list(costs.values()), "o-", color=ACCENT)
    _style(right, list(costs), "turn of the thread", "milliseconds of processor time a turn")
    return save_figure(figure, folder / "serve.png")


def _draw_growth(axes: Any, turns: Sequence[int], comparisons: Sequence[Comparison], name: str, raw: str) -> None:
    lines = {"HEF": ([one.hef for one in comparisons], ACCENT), raw: ([one.raw for one in comparisons], _GREY)}
    for label, (costs, colour) in lines.items():
        medians = [cost.median_ms for cost in costs]
        axes.plot(turns, medians, "o-", color=colour, label=label)
        axes.fill_between(turns, medians, [cost.p95_ms for cost in costs], color=colour, alpha=0.15, linewidth=0)
    _style(axes, turns, "turns", f"{name}, {comparisons[-1].ratio.value:.2f} times at {turns[-1]:,}")
    axes.legend(frameon=False)


def _style(axes: Any, counts: Sequence[int], label: str, title: str) -> None:
    """Set a logarithmic axis of counts, labels, and no frame above and to the right."""
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
