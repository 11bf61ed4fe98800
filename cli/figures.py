"""Tables of figures, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from .show import ACCENT, FAINT

if TYPE_CHECKING:
    from ..evaluation import CauseReport, EmotionReport, Estimate


def emotion_table(data: str, reports: Sequence[EmotionReport]) -> Table:
    """Return one row a strategy; the best accuracy stands out."""
    first = reports[0]
    table = _table(f"Emotion on {data}: {first.samples:,} samples of {first.conversations:,} conversations")
    for name in ("strategy", "top-1", "top-3", "top-5", "ECE", "ms/sample"):
        table.add_column(name, justify="left" if name == "strategy" else "right")
    best = max(report.top1.value for report in reports)
    for report in reports:
        style = f"bold {ACCENT}" if report.top1.value == best and len(reports) > 1 else ""
        shares = [_share(held) for held in (report.top1, report.top3, report.top5)]
        pace = f"{1000 * report.seconds / report.samples:.1f}"
        table.add_row(report.strategy, *shares, _error(report.ece), pace, style=style)
    models = dict.fromkeys(name for report in reports for name in (report.sem, report.model) if name)
    table.caption = f"{' + '.join(models)}; 95% intervals over conversations"
    return table


def cause_table(data: str, report: CauseReport) -> Table:
    """Return recall beside chance and ceiling."""
    table = _table(f"Cause words on {data}: {report.samples:,} situations")
    for name in ("", "recall@1", "recall@3", "recall@5"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("random content words", *(f"{value:.1%}" for value in report.chance.values()), style=FAINT)
    table.add_row(report.sem, *(_share(value) for value in report.recall.values()), style=f"bold {ACCENT}")
    table.add_row("the marked words themselves", *(f"{value:.1%}" for value in report.ceiling.values()), style=FAINT)
    table.caption = "mean over situations; 95% intervals"
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        padding=(0, 1),
    )


def _share(held: Estimate) -> Text:
    return Text(f"{held.value:.1%}").append(f" ±{50 * (held.high - held.low):.1f}", style=FAINT)


def _error(held: Estimate) -> Text:
    return Text(f"{held.value:.3f}").append(f" ±{(held.high - held.low) / 2:.3f}", style=FAINT)
