"""How stored turns look: a table in a terminal, an array in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer
from langgraph.store.base import SearchItem
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...memory import dumps as dumped
from ...memory import said_at, to_record
from ..chat.chat_threads import name_of
from ..render import ACCENT, FAINT

SHORT = 8
"""Letters of an id that are shown; `--id` takes them."""
_LONGEST = 240


def give_items(items: Sequence[SearchItem], person: str, *, total: int | None, as_json: bool) -> None:
    """Print turns; `total` is how many there are of which these are the first."""
    if as_json:
        scored = ({**to_record(item), **({} if item.score is None else {"score": item.score})} for item in items)
        typer.echo(dumped(list(scored)))
        return
    console = Console(highlight=False)
    console.print()
    if items:
        console.print(turns(items, person))
    more = "" if total is None or total == len(items) else f" of {total:,}; --limit shows more"
    counted = f"{len(items):,} turn{'s' * (len(items) != 1)}{more}" if items else "Nothing is stored"
    console.print(Text.assemble(("  ", ""), (counted, FAINT), (f" · {printable(person)}\n", FAINT)))


def turns(items: Sequence[SearchItem], person: str) -> Table:
    """Return one row a turn: what was said, and below it the reply."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, leading=1)
    table.add_column("  id", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("thread", overflow="fold", max_width=14)
    table.add_column("emotion", no_wrap=True)
    scored = any(item.score is not None for item in items)
    if scored:
        table.add_column("score", justify="right", no_wrap=True)
    table.add_column("said, and the reply", ratio=1)
    for item in items:
        table.add_row(*_row(item, person, scored))
    return table


def _row(item: SearchItem, person: str, scored: bool) -> list[Text]:
    value = item.value
    said = Text(_short(value.get("text", "")))
    if value.get("reply"):
        said.append(f"\n{_short(value['reply'])}", style=FAINT)
    return [
        Text(f"  {printable(item.key[:SHORT])}", style=FAINT),
        Text(when(said_at(item)), style=FAINT),
        Text(_short(name_of(person, str(value.get("thread", "")))), style=FAINT),
        Text(_short(value.get("emotion") or ""), style=ACCENT),
        *([Text("" if item.score is None else f"{item.score:.2f}")] if scored else []),
        said,
    ]


def when(time: float) -> str:
    """Return a moment in local time, to the minute."""
    try:
        return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "?"


def _short(held: Any) -> str:
    text = printable(" ".join(str(held).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def printable(text: str) -> str:
    """Return a text without what would steer the terminal or cannot be written to it."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)
