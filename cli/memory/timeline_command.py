"""`hef memory timeline`: a person's emotions over time, as a table, JSON or a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..error_messages import Misuse
from ..options import Json, option
from ..render import FAINT, json_line, printable, printable_name
from ..settings import load_settings
from .list_turns import turn_count
from .select_turns import TurnOptions, open_memory

if TYPE_CHECKING:
    from ...memory import Period

COLOURS = ("magenta", "cyan", "yellow", "green", "blue", "red")
"""Of the most frequent emotions, the most frequent first; all others are grey."""
_BAR_COLUMNS = 30
_NAMED_EMOTIONS = 2

By = Annotated[
    Literal["day", "week", "month"] | None,
    option("Period of a row; by default what gives a readable plot.", panel="Output"),
]
Png = Annotated[Path | None, option("Also draw it as a picture.", metavar="FILE", panel="Output")]


def timeline(which: TurnOptions, by: By = None, png: Png = None, as_json: Json = False) -> None:
    """Show what was felt over time.

    The turns are summed up by day, week or month.
    """
    if png is not None and png.suffix.lower() != ".png":
        raise Misuse(f"--png is {str(png)!r}; give a file name that ends in .png")
    settings = load_settings(which)
    person = settings.person
    selection = which.selection(person)
    from ...memory import by_period, memories_from_items, select_items
    from ...memory import timeline as emotion_points

    with open_memory(settings) as store:
        points = emotion_points(memories_from_items(select_items(store, person, selection)))
    period = by or _readable_period(points[-1].time - points[0].time if points else 0.0)
    periods = by_period(points, period)
    if png is not None and points:
        from .timeline_plot import plot_timeline

        plot_timeline(png, points, periods, period)
    if as_json:
        rows = [{**asdict(row), "start": row.start.isoformat()} for row in periods]
        points_json = [asdict(point) for point in points]
        typer.echo(json_line({"user": person, "by": period, "points": points_json, "periods": rows}))
    else:
        _show(person, periods, png if points else None)


def _readable_period(seconds: float) -> Literal["day", "week", "month"]:
    days = seconds / 86_400
    return "day" if days <= 31 else "week" if days <= 217 else "month"


def _show(person: str, periods: Sequence[Period], png: Path | None) -> None:
    """Print one row per period, and the path of the picture."""
    console = Console(highlight=False)
    console.print()
    if periods:
        console.print(timeline_table(periods))
    turns = sum(period.turns for period in periods)
    count = turn_count(turns) if turns else "No turn with an emotion is stored"
    console.print(Text(f"  {count} · {printable_name(person)}", style=FAINT))
    if png is not None:
        console.print(Text(f"  drawn in {printable(str(png))}", style=FAINT))
    console.print()


def timeline_table(periods: Sequence[Period]) -> Table:
    """Return one row per period: number of turns, a bar of emotions, and the most frequent ones."""
    colours = _colours(periods)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("  when", no_wrap=True)
    table.add_column("turns", justify="right")
    table.add_column("share of each emotion", no_wrap=True)
    table.add_column("most frequent")
    for period in periods:
        emotions = list(period.emotions.items())[:_NAMED_EMOTIONS]
        names = (
            Text(f"{printable(emotion)} {share:.0%}", style=colours.get(emotion, FAINT)) for emotion, share in emotions
        )
        bar = emotion_bar(period.emotions, colours)
        table.add_row(f"  {period.name}", f"{period.turns:,}", bar, Text(", ").join(names))
    return table


def emotion_bar(shares: Mapping[str, float], colours: Mapping[str, str]) -> Text:
    """Return a bar of all emotions, exact to a column; those without a colour come last."""
    ordered = sorted(shares, key=lambda emotion: (emotion not in colours, -shares[emotion]))
    line, total, drawn = Text(), 0.0, 0
    for emotion in ordered:
        total += shares[emotion]
        width = round(total * _BAR_COLUMNS) - drawn
        drawn += width
        line.append("█" * width if emotion in colours else "░" * width, style=colours.get(emotion, FAINT))
    return line


def _colours(periods: Sequence[Period]) -> dict[str, str]:
    totals: dict[str, float] = defaultdict(float)
    for period in periods:
        for emotion, share in period.emotions.items():
            totals[emotion] += share * period.turns
    return dict(zip(sorted(totals, key=lambda emotion: (-totals[emotion], emotion)), COLOURS, strict=False))
