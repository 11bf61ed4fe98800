"""`hef bench memory`: what the memory costs over Chroma itself, and how that grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..error_messages import Failure, Misuse
from ..report_output import JsonOption, emit_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ...bench.concurrent_users import CrowdReport
    from ...bench.memory_speed import MemorySpeed

DIMS = 384
"""Length of the shipped SEM's vectors."""
_AT_ONCE = 100

SizesOption = Annotated[
    str, typer.Option("--sizes", help="Numbers of turns, growing, with commas between.", metavar="N,N")
]
UsersOption = Annotated[int, typer.Option("--users", min=1, help="People whose turns they are.", metavar="N")]
RepeatsOption = Annotated[int, typer.Option("--repeats", min=6, help="How often each call is timed.", metavar="N")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        file_okay=False,
        exists=True,
        help="Write the measured files below it, on the disk that is meant; else among temporary files.",
        metavar="FOLDER",
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server", help=f"Also let {_AT_ONCE} people write and recall at once there (`chroma run`).", metavar="URL"
    ),
]
PlotsOption = Annotated[
    Path | None,
    typer.Option(
        "--plots",
        file_okay=False,
        help="Draw memory.png there, the growth over sizes.",
        metavar="FOLDER",
        rich_help_panel="Output",
    ),
]


def memory(
    sizes: SizesOption = "1000,10000,100000",
    users: UsersOption = 1000,
    repeats: RepeatsOption = 200,
    server: ServerOption = None,
    folder: FolderOption = None,
    plots: PlotsOption = None,
    out: JsonOption = None,
) -> None:
    """Time recalling and writing a turn beside raw Chroma calls of the same size, in turns, in one run.

    Turns are made up, and so are their vectors: random unit vectors of the SEM's length, for which a memory is as
    fast as for real ones. They are there before the clock starts, so embedding is not counted. The memory
    is filled by an import, which is timed, too; 100,000 turns take some gigabytes and half an hour.
    """
    import tempfile

    from ...bench.concurrent_users import measure_crowd
    from ...bench.memory_speed import WARM, measure_memory
    from ...bench.sem_speed import machine
    from ..progress_bars import advancing

    grown = _sizes(sizes, repeats + WARM)
    with tempfile.TemporaryDirectory(dir=folder) as home, advancing() as advance:
        reports = list(measure_memory(Path(home), grown, users, DIMS, repeats=repeats, report=advance))
    crowds = [measure_crowd(server, _AT_ONCE, DIMS)] if server else []
    if plots:
        from ...bench.memory_plot import plot_growth

        plot_growth(reports, plots)
    held = {"machine": machine(None), "crowd": [crowd.model_dump(mode="json") for crowd in crowds]}
    emit_report("memory speed", None, list(reports), held, out, [_table(reports), *map(_crowd_table, crowds)])
    if any(crowd.errors for crowd in crowds):
        raise Failure(f"{len(crowds[0].errors)} of {_AT_ONCE} people met an error: {crowds[0].errors[0]}")


def _sizes(given: str, written: int) -> list[int]:
    """Return the sizes; the turns that are written while one is measured must fit before the next.

    Raises:
        Misuse: They are no growing numbers.
    """
    try:
        found = [int(size.replace("_", "")) for size in given.split(",")]
    except ValueError:
        raise Misuse(f"--sizes is {given!r}; give numbers with commas between, such as 1000,10000") from None
    steps = zip([0, *(size + written for size in found)], found, strict=False)
    if any(size <= before for before, size in steps):
        raise Misuse(f"--sizes is {given!r}; each must be larger than the one before by more than {written}")
    return found


def _table(reports: Sequence[MemorySpeed]) -> Table:
    from ..render import ACCENT, FAINT
    from ..tables import new_table

    first = reports[0]
    table = new_table("Memory, milliseconds: median (95th percentile)")
    for name in ("turns", "", "HEF", "raw Chroma", "times", "95% interval"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for report in reports:
        rows = {
            "recalling": report.recall,
            "writing a turn": report.write,
            "  of one vector": report.write_one,
            "  raw, same rows": report.write_rows,
        }
        for place, (name, held) in enumerate(rows.items()):
            table.add_row(
                "" if place else f"{report.turns:,}",
                name,
                f"{held.hef.median_ms:.1f} ({held.hef.p95_ms:.1f})",
                f"{held.raw.median_ms:.1f} ({held.raw.p95_ms:.1f})",
                f"{held.ratio.value:.2f}",
                f"{held.ratio.low:.2f} to {held.ratio.high:.2f}",
                style=FAINT if place > 1 else f"bold {ACCENT}" if not place else "",
                end_section=place == len(rows) - 1,
            )
    imports = "; ".join(
        f"{report.imported:,} turns imported in {report.import_seconds:.0f} s to {report.megabytes:,.0f} MB"
        for report in reports
    )
    table.caption = (
        f"turns of {first.users:,} people at {first.turns:,}, {first.repeats} pairs each; a turn has 2.3 vectors on "
        f'average, a raw row one; "same rows" are an upsert of a row a vector; '
        f"embedding is not counted; {imports}"
    )
    return table


def _crowd_table(crowd: CrowdReport) -> Table:
    from ..tables import new_table

    table = new_table(f"{crowd.users} people at once through a server")
    for name in ("calls", "seconds", "write p95 ms", "recall p95 ms", "errors"):
        table.add_column(name, justify="right")
    figures = (f"{crowd.seconds:.1f}", f"{crowd.write_p95_ms:.0f}", f"{crowd.recall_p95_ms:.0f}")
    table.add_row(f"{crowd.calls:,}", *figures, str(len(crowd.errors)))
    return table
