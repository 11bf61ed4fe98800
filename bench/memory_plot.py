"""The picture of how the memory's cost grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..evaluation.emotion.plots import figure_class
from .memory_speed import Comparison, MemorySpeed

_INK, _FILL = "#999999", "#8e44ad"


def plot_growth(reports: Sequence[MemorySpeed], folder: Path) -> Path:
    """Write `memory.png`: milliseconds of recalling and of writing over the number of turns, beside raw calls.

    Raises:
        SetupError: matplotlib is not installed.
    """
    drawn = figure_class()(figsize=(9, 3.8), layout="constrained")
    left, right = drawn.subplots(1, 2)
    turns = [report.turns for report in reports]
    _draw(left, turns, [report.recall for report in reports], "recalling", "Chroma's filtered query")
    _draw(right, turns, [report.write for report in reports], "writing a turn", "Chroma's upsert of a row")
    left.set_ylabel("milliseconds, median up to 95th percentile")
    folder.mkdir(parents=True, exist_ok=True)
    drawn.savefig(folder / "memory.png", dpi=130)
    return folder / "memory.png"


def _draw(axes: Any, turns: Sequence[int], held: Sequence[Comparison], name: str, raw: str) -> None:
    lines = {"HEF": ([one.hef for one in held], _FILL), raw: ([one.raw for one in held], _INK)}
    for label, (costs, colour) in lines.items():
        medians = [cost.median_ms for cost in costs]
        axes.plot(turns, medians, "o-", color=colour, label=label)
        axes.fill_between(turns, medians, [cost.p95_ms for cost in costs], color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(turns, [f"{count:,}" for count in turns])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("turns")
    axes.set_title(f"{name}, {held[-1].ratio.value:.2f} times at {turns[-1]:,}", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
