"""Output of commands that measure: progress bars, skipped rows, and figures as tables or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from .render import ACCENT, FAINT

if TYPE_CHECKING:
    from ..contract.progress import Progress
    from ..evaluation.metrics import Estimate
    from .options import OutputOptions

SECONDS_PER_LINE = 60.0
"""Between two lines about a task whose progress goes to a file."""


def emit_report(
    task: str,
    data: Path | None,
    reports: Sequence[Any],
    details: Mapping[str, Any],
    output: OutputOptions,
    tables: Sequence[Table],
) -> None:
    """Print the figures as tables, or as JSON with `--json`, and write them to the file of `--out`."""
    from ..evaluation.report import to_document, to_json, write

    document = to_document(task, data, reports, details)
    if output.out:
        write(output.out, document)
    if output.as_json:
        typer.echo(to_json(document))
        return
    console = Console(highlight=False, markup=False)
    for table in tables:
        console.print(table)


def report_skipped_rows(messages: Sequence[str], shown: int = 10) -> None:
    """Count the rows that were left out, and name the first ones, on stderr."""
    if messages:
        typer.echo(f"left out {len(messages)} row{'s' * (len(messages) > 1)}:", err=True)
    for message in messages[:shown]:
        typer.echo(f"  {message}", err=True)
    if len(messages) > shown:
        typer.echo(f"  and {len(messages) - shown} more", err=True)


@contextmanager
def advancing() -> Iterator[Progress]:
    """Yield a callback that shows the progress of a task on stderr: a bar on a terminal, else a line now and then."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(complete_style=ACCENT, finished_style=ACCENT),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(console)
        return
    with Bars(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("", total=None)
        yield lambda task, done, total: bars.update(bar, description=task, completed=done, total=total)


class _ProgressLines:
    """Write a line about a long task at most every `SECONDS_PER_LINE`; a short task is over before the first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._written = monotonic()

    def __call__(self, task: str, done: int, total: int | None) -> None:
        if monotonic() - self._written < SECONDS_PER_LINE:
            return
        self._written = monotonic()
        of = "" if total is None else f" of {total}"
        self._console.print(f"{task}: {done}{of}", style="dim", highlight=False, soft_wrap=True)


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
