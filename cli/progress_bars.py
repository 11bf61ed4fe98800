"""Progress bars on stderr, and only where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .render import ACCENT


@contextmanager
def counting(unit: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts on, for work whose end is not known."""
    columns = (SpinnerColumn(style=ACCENT), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done: progress.update(task, advance=done)


@contextmanager
def advancing() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that sets what is done, how far, and out of how many."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(complete_style=ACCENT, finished_style=ACCENT),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def advance(doing: str, done: int, total: int) -> None:
            progress.update(task, description=doing, completed=done, total=total)

        yield advance
