"""The picture of what HEF costs a server."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.emotion.plots import figure_class
from .serving_speed import ServeSpeed

_FILL = "#8e44ad"


def plot_serving(report: ServeSpeed, folder: Path) -> Path:
    """Write `serve.png`: turns a second over conversations at once, and processor time over the thread's length.

    Raises:
        SetupError: matplotlib is not installed.
    """
    drawn = figure_class()(figsize=(9, 3.8), layout="constrained")
    left, right = drawn.subplots(1, 2)
    crowds = {str(crowd.conversations): crowd.turns_per_second for crowd in report.crowds}
    left.bar(list(crowds), list(crowds.values()), color=_FILL, width=0.6)
    left.set_xlabel("conversations at once")
    left.set_title("turns a second", fontsize=11)
    lengths = {held.turn: held.cpu_ms for held in report.lengths}
    right.plot(list(lengths), list(lengths.values()), "o-", color=_FILL)
    right.set_xscale("log")
    right.set_xticks(list(lengths), [f"{turn:,}" for turn in lengths])
    right.minorticks_off()
    right.set_ylim(bottom=0)
    right.set_xlabel("turn of the thread")
    right.set_title("milliseconds of processor time a turn", fontsize=11)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    folder.mkdir(parents=True, exist_ok=True)
    drawn.savefig(folder / "serve.png", dpi=130)
    return folder / "serve.png"
