"""`hef memory timeline`: what a person felt over time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from .. import options
from ..error_messages import Misuse
from .memory_options import PersonOption, SinceOption, ThreadOption, UntilOption, parse_selection, require_user
from .open_memory import opened

PeriodOption: TypeAlias = Annotated[
    Literal["day", "week", "month"] | None,
    typer.Option("--by", help="What is summed up; by default what gives a readable plot.", rich_help_panel="Output"),
]
PngOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--png", dir_okay=False, help="Also draw it as a picture.", metavar="FILE", rich_help_panel="Output"),
]


def timeline(
    user: PersonOption = None,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    by: PeriodOption = None,
    png: PngOption = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show what was felt over time, summed up by day, week or month."""
    from ..settings import settings

    if png is not None and png.suffix.lower() != ".png":
        raise Misuse(f"--png is {str(png)!r}; give a file name that ends in .png")
    chosen = settings(home=home, user=user)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    from ...memory import by_period, memories_of, select_items
    from ...memory import timeline as timeline_of

    with opened(chosen) as store:
        points = timeline_of(memories_of(select_items(store, person, selection)))
    period = by or _readable(points[-1].time - points[0].time if points else 0.0)
    periods = by_period(points, period)
    if png is not None and points:
        from .timeline_plot import plot_timeline

        plot_timeline(png, points, periods, period)
    if as_json:
        from ...memory import dumps as dumped

        held = [{**asdict(found), "start": found.start.isoformat()} for found in periods]
        typer.echo(
            dumped({"user": person, "by": period, "points": [asdict(point) for point in points], "periods": held})
        )
        return
    from .timeline_table import show

    show(person, periods, png if points else None)


def _readable(seconds: float) -> Literal["day", "week", "month"]:
    days = seconds / 86_400
    return "day" if days <= 31 else "week" if days <= 217 else "month"
