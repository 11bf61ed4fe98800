"""`hef sems`: the installed SEMs and their measured figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from .options import Json
from .output import figure_table
from .render import ACCENT, FAINT, json_line

if TYPE_CHECKING:
    from rich.table import Table

    from ..sem import SemDescription

_HEADS = {"coverage90": "held by 90% sets", "size90": "in a set", "samples": "turns"}
"""Column heads of figures with a short name."""


def sems(as_json: Json = False) -> None:
    """List the installed small empathetic models.

    Beside each stand its measured figures.
    """
    from ..sem import SemDescription, installed_sems

    installed = installed_sems()
    if as_json:
        typer.echo(json_line([_row(name, sem) for name, sem in installed.items()]))
        return
    console = Console(highlight=False)
    console.print()
    loaded = {name: sem for name, sem in installed.items() if isinstance(sem, SemDescription)}
    if loaded:
        console.print(_table(loaded))
    for name, sem in installed.items():
        console.print(Padding(_note(name, sem), (0, 0, 1, 2), expand=False))
    console.print("  [bright_black]Any Hugging Face classifier works too:[/] --sem huggingface:<id or folder>\n")


def _table(sems: dict[str, SemDescription]) -> Table:
    """Return one row per SEM, with a column for each figure that any of them has."""
    metrics = list(dict.fromkeys(metric for sem in sems.values() for metric in sem.metrics))
    table = figure_table(None, ("SEM", "labels", *(_HEADS.get(metric, metric) for metric in metrics)))
    for name, sem in sems.items():
        figures = (_figure(sem.metrics[metric]) if metric in sem.metrics else "" for metric in metrics)
        table.add_row(Text(name, style=f"bold {ACCENT}"), str(len(sem.taxonomy.labels)), *figures)
    return table


def _note(name: str, sem: SemDescription | Exception) -> Text:
    if isinstance(sem, Exception):
        return Text.assemble((name, "bold red"), f"  cannot be loaded: {sem}")
    sets = " Prediction sets: yes." if sem.prediction_sets else ""
    size = f"{', '.join(sem.languages)}, {sem.size_mb:.1f} MB."
    facts = f"Labels: {sem.taxonomy.name}; {size}{sets} Licence: {sem.licence}"
    return Text.assemble((name, f"bold {ACCENT}"), "  ", sem.source, "\n", (facts, FAINT))


def _figure(value: float) -> str:
    return f"{value:.1%}" if abs(value) <= 1 else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _row(name: str, sem: SemDescription | Exception) -> dict[str, Any]:
    if isinstance(sem, Exception):
        return {"name": name, "error": str(sem)}
    return {
        "name": name,
        "model": sem.name,
        "taxonomy": sem.taxonomy.name,
        "labels": list(sem.taxonomy.labels),
        "languages": list(sem.languages),
        "licence": sem.licence,
        "size_mb": sem.size_mb,
        "source": sem.source,
        "metrics": dict(sem.metrics),
        "prediction_sets": sem.prediction_sets is not None,
    }
