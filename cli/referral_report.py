"""`hef safety report`: how many turns were in danger or of concern, by day and region."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .options import Home, Json, option
from .render import FAINT, json_line
from .settings import load_settings

if TYPE_CHECKING:
    from ..safety import ReferralCount

Since = Annotated[
    datetime | None, option("First day that is counted.", metavar="DAY", formats=["%Y-%m-%d"], show_default=False)
]
By = Annotated[Literal["day", "month", "year"], option("Period of a row.", panel="Output")]


def report(home: Home = None, since: Since = None, by: By = "month", as_json: Json = False) -> None:
    """Count the turns in which somebody was in danger, or may have been.

    The counts are kept beside the memory, by day, level and region, without anything that was said or whose it was. A
    turn that is run again counts again.
    """
    from ..safety import referral_counts

    counts = referral_counts(load_settings(home=home).home, since.date() if since else None)
    if as_json:
        rows = [count.model_dump(mode="json") for count in counts]
        totals = {
            level: sum(count.turns for count in counts if count.level == level) for level in ("danger", "concern")
        }
        typer.echo(json_line({**totals, "counts": rows}))
        return
    console = Console(highlight=False)
    console.print()
    console.print(_table(counts, by) if counts else Text("  No turn in danger or of concern was counted", style=FAINT))
    console.print()


def _table(counts: Sequence[ReferralCount], by: Literal["day", "month", "year"]) -> Table:
    """Return one row per period and region."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for count in counts:
        turns = rows.setdefault((_period(count.day, by), count.region or "–"), {"danger": 0, "concern": 0})
        turns[count.level] += count.turns
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column(by)
    table.add_column("region")
    table.add_column("danger", justify="right")
    table.add_column("concern", justify="right")
    for (period, region), turns in rows.items():
        table.add_row(period, region, str(turns["danger"]), str(turns["concern"]))
    return table


def _period(day: date, by: Literal["day", "month", "year"]) -> str:
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[by]]
