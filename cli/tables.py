"""Tables of figures, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from .render import FAINT

if TYPE_CHECKING:
    from ..evaluation import Estimate


def figure_table(
    title: str | None, columns: Iterable[str], caption: str | None = None, *, no_wrap: bool = False
) -> Table:
    """Return a table without rows; the first column is for names, the others are for figures."""
    table = Table(
        title=title,
        caption=caption,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        padding=(0, 1),
    )
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=no_wrap)
    return table


def percent(estimate: Estimate) -> Text:
    """Return a proportion in percent with half its interval behind it."""
    return Text(f"{estimate.value:.1%}").append(f" ±{50 * (estimate.high - estimate.low):.1f}", style=FAINT)


def number(estimate: Estimate, digits: int) -> Text:
    """Return a figure with half its interval behind it."""
    half = (estimate.high - estimate.low) / 2
    return Text(f"{estimate.value:.{digits}f}").append(f" ±{half:.{digits}f}", style=FAINT)
