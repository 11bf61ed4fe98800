"""`hef bench memory`: what the memory costs over Chroma itself, and how that grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..error_messages import Failure, Misuse
from ..options import OutputOptions, Plots, option, parse_numbers
from ..output import advancing, emit_report, figure_table
from ..render import ACCENT, FAINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ...bench.concurrent_users import ConcurrentUsersReport
    from ...bench.memory_speed import MemorySpeed

DIMS = 384
"""Length of the shipped SEM's vectors."""
_CONCURRENT_USERS = 100

Sizes = Annotated[str, option("Numbers of turns, growing, with commas between.", metavar="N,N")]
Users = Annotated[int, option("People whose turns they are.", metavar="N", min=1)]
Repeats = Annotated[int, option("How often each call is timed.", metavar="N", min=6)]
Folder = Annotated[
    Path | None,
    option(
        "Write the measured files below it, on the disk to measure; else among temporary files.",
        metavar="FOLDER",
        exists=True,
    ),
]
Server = Annotated[
    str | None,
    option(f"Also let {_CONCURRENT_USERS} people write and recall at once there (`chroma run`).", metavar="URL"),
]


def memory(
    output: OutputOptions,
    sizes: Sizes = "1000,10000,100000",
    users: Users = 1000,
    repeats: Repeats = 200,
    server: Server = None,
    folder: Folder = None,
    plots: Plots = None,
) -> None:
    """Time recalling and writing beside raw Chroma calls.

    Both have the same size and are timed in turns, in one run. Turns are synthetic, and so are their vectors: random
    unit vectors of the SEM's length, for which a memory is as fast as for real ones. They exist before the clock
    starts, so embedding is not counted. The memory is filled by an import, which is timed, too; 100,000 turns
    take some gigabytes and half an hour.
    """
    import tempfile

    from ...bench.concurrent_users import measure_concurrent_users
    from ...bench.memory_speed import WARM, measure_memory
    from ...bench.sem_speed import machine

    counts = _parse_sizes(sizes, repeats + WARM)
    with tempfile.TemporaryDirectory(dir=folder) as home, advancing() as advance:
        reports = list(measure_memory(Path(home), counts, users, DIMS, repeats=repeats, progress=advance))
    reports_at_once = [measure_concurrent_users(server, _CONCURRENT_USERS, DIMS)] if server else []
    if plots:
        from ...bench.bench_plots import plot_growth

        plot_growth(reports, plots)
    details = {"machine": machine(None), "concurrent_users": reports_at_once}
    tables = [_memory_table(reports), *map(_users_table, reports_at_once)]
    emit_report("memory speed", None, list(reports), details, output, tables)
    for report in reports_at_once:
        if report.errors:
            raise Failure(f"{len(report.errors)} of {report.users} people met an error: {report.errors[0]}")


def _parse_sizes(value: str, written: int) -> list[int]:
    """Return the sizes; the turns that are written while one is measured must fit before the next.

    Raises:
        Misuse: They are not growing numbers.
    """
    sizes = parse_numbers("--sizes", value)
    steps = zip([0, *(size + written for size in sizes)], sizes, strict=False)
    if any(size <= before for before, size in steps):
        raise Misuse(f"--sizes is {value!r}; each must be larger than the one before by more than {written}")
    return sizes


def _memory_table(reports: Sequence[MemorySpeed]) -> Table:
    first = reports[0]
    imports = "; ".join(
        f"{report.imported:,} turns imported in {report.import_seconds:.0f} s to {report.megabytes:,.0f} MB"
        for report in reports
    )
    table = figure_table(
        "Memory, milliseconds: median (95th percentile)",
        ("turns", "", "HEF", "raw Chroma", "times", "95% interval"),
        f"turns of {first.users:,} people at {first.turns:,}, {first.repeats} pairs each; a turn has 2.3 vectors on "
        f'average, a raw row one; "same rows" are an upsert of a row per vector; '
        f"embedding is not counted; {imports}",
    )
    table.columns[0].justify, table.columns[1].justify = "right", "left"
    for report in reports:
        rows = {
            "recalling": report.recall,
            "writing a turn": report.write,
            "  of one vector": report.write_one,
            "  raw, same rows": report.write_rows,
        }
        for index, (name, times) in enumerate(rows.items()):
            table.add_row(
                "" if index else f"{report.turns:,}",
                name,
                f"{times.hef.median_ms:.1f} ({times.hef.p95_ms:.1f})",
                f"{times.raw.median_ms:.1f} ({times.raw.p95_ms:.1f})",
                f"{times.ratio.value:.2f}",
                f"{times.ratio.low:.2f} to {times.ratio.high:.2f}",
                style=FAINT if index > 1 else "" if index else f"bold {ACCENT}",
                end_section=index == len(rows) - 1,
            )
    return table


def _users_table(report: ConcurrentUsersReport) -> Table:
    names = ("calls", "seconds", "write p95 ms", "recall p95 ms", "errors")
    table = figure_table(f"{report.users} people at once through a server", names)
    figures = (f"{report.seconds:.1f}", f"{report.write_p95_ms:.0f}", f"{report.recall_p95_ms:.0f}")
    table.add_row(f"{report.calls:,}", *figures, str(len(report.errors)))
    return table
