"""What the commands that measure share: their options, broken rows named, and figures given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .error_messages import Misuse

if TYPE_CHECKING:
    from rich.table import Table

DataOption = Annotated[
    Path, typer.Option("--data", "-d", dir_okay=False, help="JSON lines, gzipped or not.", metavar="FILE")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Measure on so many samples, drawn at random.", metavar="N")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the draw.", metavar="N")]
JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        help="Also write the figures to a file; - prints them and nothing else.",
        metavar="OUT",
        rich_help_panel="Output",
    ),
]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", help="A plain encoder to stand beside: folder or hub id.", metavar="NAME"),
]


def emit_report(
    task: str, data: Path | None, reports: list[Any], held: dict[str, Any], out: str | None, tables: list[Table]
) -> None:
    """Print the figures and write them where they are wanted."""
    from ..evaluation.report import to_document, to_json, write

    found = to_document(task, data, reports, held)
    if out == "-":
        typer.echo(to_json(found))
        return
    if out is not None and not out.strip():
        raise Misuse("--json needs a file name, or -")
    if out:
        write(Path(out), found)
    from rich.console import Console

    console = Console(highlight=False)
    for table in tables:
        console.print(table)


def report_skipped_rows(broken: list[str], shown: int = 10) -> None:
    """Count the rows that were left out, and name the first ones, on stderr."""
    if broken:
        typer.echo(f"left out {len(broken)} row{'s' * (len(broken) > 1)}:", err=True)
    for line in broken[:shown]:
        typer.echo(f"  {line}", err=True)
    if len(broken) > shown:
        typer.echo(f"  and {len(broken) - shown} more", err=True)
