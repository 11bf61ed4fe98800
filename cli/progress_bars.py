"""Progress bars on stderr, and only where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

from ..contract.progress import Progress
from .render import ACCENT


@contextmanager
def counting(unit: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts on, for work whose end is not known."""
    columns = (SpinnerColumn(style=ACCENT), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done: progress.update(task, advance=done)


@contextmanager
def advancing() -> Iterator[Progress]:
    """Yield a callback that shows the progress of named tasks."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(complete_style=ACCENT, finished_style=ACCENT),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)

        def advance(task: str, done: int, total: int | None) -> None:
            progress.update(bar, description=task, completed=done, total=total)

        yield advance
