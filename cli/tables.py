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
    return faint_margin(estimate.percent())


def number(estimate: Estimate, digits: int) -> Text:
    """Return a figure with half its interval behind it."""
    return faint_margin(estimate.number(digits))


def faint_margin(estimate: str) -> Text:
    """Return a formatted estimate with its margin or interval in a faint colour."""
    text = Text(estimate)
    text.highlight_regex(r" [±(].*", FAINT)
    return text
