"""`hef bench serve`: what HEF itself costs a server, and how a turn grows with its thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..error_messages import Misuse
from ..report_output import JsonOption, emit_report

if TYPE_CHECKING:
    from rich.table import Table

    from ...bench.serving_speed import ServeSpeed

CrowdsOption = Annotated[
    str, typer.Option("--at-once", help="Numbers of conversations at once, with commas between.", metavar="N,N")
]
LengthsOption = Annotated[
    str, typer.Option("--lengths", help="Turns of a thread that are timed, with commas between.", metavar="N,N")
]
TurnsOption = Annotated[int, typer.Option("--turns", min=1, help="Turns of each conversation at once.", metavar="N")]
RepeatsOption = Annotated[int, typer.Option("--repeats", min=1, help="Threads of each length.", metavar="N")]
KeepOption = Annotated[
    int | None, typer.Option("--keep", min=2, help="Let a thread keep so many messages; else all.", metavar="N")
]
PostgresOption = Annotated[
    str | None,
    typer.Option("--postgres", help="Keep the checkpoints there; else in this process.", metavar="URL"),
]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="Keep the memory there (`chroma run`); else in a file.", metavar="URL")
]
PlotsOption = Annotated[
    Path | None,
    typer.Option("--plots", file_okay=False, help="Draw serve.png there.", metavar="FOLDER", rich_help_panel="Output"),
]


def serve(
    at_once: CrowdsOption = "1,4,16,64",
    lengths: LengthsOption = "1,10,100,500",
    turns: TurnsOption = 4,
    repeats: RepeatsOption = 5,
    keep: KeepOption = None,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    postgres: PostgresOption = None,
    server: ServerOption = None,
    plots: PlotsOption = None,
    out: JsonOption = None,
) -> None:
    """Time turns of many conversations at once, and turns of long threads, with an LLM that answers at once.

    One process, one event loop. What is left is HEF's own cost: SEM, memory, graph and checkpoints. A long thread's
    earlier turns are put into its state beforehand; they are not in the memory.
    """
    import asyncio
    import tempfile

    from ..settings import settings

    crowds, turned = _numbers("--at-once", at_once), _numbers("--lengths", lengths)
    chosen = settings(sem=sem, threads=threads)
    from ...bench.sem_speed import machine
    from ...bench.serving_speed import measure_serving
    from ...graph import open_store
    from ...sem import resolve_sem
    from ..progress_bars import advancing

    reader = resolve_sem(chosen.sem)
    with tempfile.TemporaryDirectory() as home, advancing() as advance, open_store(home, reader, url=server) as store:
        report = asyncio.run(
            measure_serving(
                reader,
                store,
                crowds=crowds,
                lengths=turned,
                turns=turns,
                repeats=repeats,
                keep=keep,
                postgres=postgres,
                report=advance,
            )
        )
    if plots:
        from ...bench.serving_plot import plot_serving

        plot_serving(report, plots)
    held = {"machine": machine(chosen.threads), "keep": keep, "memory": "server" if server else "folder"}
    emit_report("serving", None, [report], held, out, [_crowd_table(report), _length_table(report)])


def _numbers(option: str, given: str) -> list[int]:
    """Return numbers that were given with commas between.

    Raises:
        Misuse: They are none, or not positive.
    """
    try:
        found = [int(number) for number in given.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise Misuse(f"{option} is {given!r}; give positive numbers with commas between, such as 1,10")
    return found


def _crowd_table(report: ServeSpeed) -> Table:
    from ..tables import new_table

    table = new_table("Conversations at once, an LLM that answers at once")
    for name in ("at once", "turns", "turns a second", "p50 ms", "p95 ms", "CPU ms a turn"):
        table.add_column(name, justify="right")
    for crowd in report.crowds:
        figures = (crowd.turns_per_second, crowd.p50_ms, crowd.p95_ms, crowd.cpu_ms)
        table.add_row(f"{crowd.conversations}", f"{crowd.turns}", *(f"{figure:,.1f}" for figure in figures))
    table.caption = f"{report.sem}, checkpoints in {report.checkpointer}; one process"
    return table


def _length_table(report: ServeSpeed) -> Table:
    from ..tables import new_table

    table = new_table("A turn by the length of its thread, medians")
    for name in ("turn", "ms", "CPU ms", "LLM calls", "prompt characters", "kB written", "kB read"):
        table.add_column(name, justify="right")
    for held in report.lengths:
        figures = (held.p50_ms, held.cpu_ms, held.calls, held.prompt_characters, held.written_kb, held.read_kb)
        cells = (f"{figure:,.1f}".removesuffix(".0") for figure in figures)
        table.add_row(f"{held.turn:,}", *cells)
    table.caption = f"{report.lengths[0].repeats} threads of each length; what the checkpointer is given and reads"
    return table
