"""How a timeline looks in a terminal: a bar a period, each emotion in its colour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...memory import Period
from ..render import FAINT
from .turn_table import printable

COLOURS = ("magenta", "cyan", "yellow", "green", "blue", "red")
"""Of the emotions that were felt most, the most first; all others are grey."""
_BAR = 30
_NAMED = 2


def show(person: str, periods: Sequence[Period], png: Path | None) -> None:
    """Print one row a period, and where the picture lies."""
    console = Console(highlight=False)
    console.print()
    if periods:
        console.print(table(periods))
    turns = sum(period.turns for period in periods)
    counted = f"{turns:,} turn{'s' * (turns != 1)}" if turns else "No turn with an emotion is stored"
    console.print(Text(f"  {counted} · {printable(person)}", style=FAINT))
    if png is not None:
        console.print(Text(f"  drawn in {png}", style=FAINT))
    console.print()


def table(periods: Sequence[Period]) -> Table:
    """Return one row a period: how many turns, a bar of shares, and the emotions felt most."""
    colours = _colours(periods)
    found = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    found.add_column("  when", no_wrap=True)
    found.add_column("turns", justify="right")
    found.add_column("share of each emotion", no_wrap=True)
    found.add_column("felt most")
    for period in periods:
        named = list(period.emotions.items())[:_NAMED]
        line = Text(", ").join(
            Text(f"{emotion} {share:.0%}", style=colours.get(emotion, FAINT)) for emotion, share in named
        )
        found.add_row(f"  {period.name}", f"{period.turns:,}", bar(period.emotions, colours), line)
    return found


def bar(shares: Mapping[str, float], colours: Mapping[str, str]) -> Text:
    """Return a bar of all shares, exact to a column; those without a colour of their own come last."""
    ordered = sorted(shares, key=lambda emotion: (emotion not in colours, -shares[emotion]))
    line, done, drawn = Text(), 0.0, 0
    for emotion in ordered:
        done += shares[emotion]
        width = round(done * _BAR) - drawn
        drawn += width
        line.append("█" * width if emotion in colours else "░" * width, style=colours.get(emotion, FAINT))
    return line


def _colours(periods: Sequence[Period]) -> dict[str, str]:
    felt: dict[str, float] = defaultdict(float)
    for period in periods:
        for emotion, share in period.emotions.items():
            felt[emotion] += share * period.turns
    return dict(zip(sorted(felt, key=lambda emotion: (-felt[emotion], emotion)), COLOURS, strict=False))
