"""`hef sems`: the installed SEMs and what was measured of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import options
from .render import ACCENT, FAINT

if TYPE_CHECKING:
    from ..sem import SemDescription

_HEADS = {"coverage90": "held by 90% sets", "size90": "in a set", "samples": "turns"}
"""What figures with a short name are called above their column."""


def sems(as_json: options.JsonOption = False) -> None:
    """List the installed small empathetic models with their measured figures."""
    from ..sem import SemDescription, installed_sems

    found = installed_sems()
    if as_json:
        typer.echo(json.dumps([_row(name, held) for name, held in found.items()], ensure_ascii=False))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print()
    whole = {name: held for name, held in found.items() if isinstance(held, SemDescription)}
    if whole:
        console.print(_table(whole))
    for name, held in found.items():
        console.print(Padding(_note(name, held), (0, 0, 1, 2), expand=False))
    console.print("  [bright_black]Any Hugging Face classifier works too:[/] --sem huggingface:<id or folder>\n")


def _table(found: dict[str, SemDescription]) -> Table:
    """Return one row a SEM, with a column for each figure that any of them has."""
    figures = list(dict.fromkeys(name for held in found.values() for name in held.metrics))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("SEM")
    table.add_column("labels", justify="right")
    for name in figures:
        table.add_column(_HEADS.get(name, name), justify="right")
    for name, held in found.items():
        measured = [_figure(held.metrics[figure]) if figure in held.metrics else "" for figure in figures]
        labels = str(len(held.taxonomy.labels))
        table.add_row(Text(name, style=f"bold {ACCENT}"), labels, *measured)
    return table


def _note(name: str, held: SemDescription | Exception) -> Text:
    if isinstance(held, Exception):
        return Text.assemble((name, "bold red"), f"  cannot be loaded: {held}")
    sets = " Prediction sets: yes." if held.prediction_sets else ""
    size = f"{', '.join(held.languages)}, {held.size_mb:.1f} MB."
    about = f"Labels: {held.taxonomy.name}; {size}{sets} Licence: {held.licence}"
    return Text.assemble((name, f"bold {ACCENT}"), "  ", held.source, "\n", (about, FAINT))


def _figure(value: float) -> str:
    return f"{value:.1%}" if abs(value) <= 1 else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _row(name: str, held: SemDescription | Exception) -> dict[str, Any]:
    if isinstance(held, Exception):
        return {"name": name, "error": str(held)}
    return {
        "name": name,
        "model": held.name,
        "taxonomy": held.taxonomy.name,
        "labels": list(held.taxonomy.labels),
        "languages": list(held.languages),
        "licence": held.licence,
        "size_mb": held.size_mb,
        "source": held.source,
        "figures": dict(held.metrics),
        "prediction_sets": held.prediction_sets is not None,
    }
