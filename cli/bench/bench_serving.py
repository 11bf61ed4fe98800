"""`hef bench serving`: what HEF itself costs a server, and how a turn grows with its thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from ..options import OutputOptions, Plots, SemOptions, option, parse_numbers
from ..output import advancing, emit_report, figure_table
from ..settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ...bench.serving_speed import ServeSpeed


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Conversations and threads that are measured."""

    at_once: Annotated[str, option("Numbers of conversations at once, with commas between.", metavar="N,N")] = (
        "1,4,16,64"
    )
    lengths: Annotated[str, option("Turns of a thread that are timed, with commas between.", metavar="N,N")] = (
        "1,10,100,500"
    )
    turns: Annotated[int, option("Turns of each conversation at once.", metavar="N", min=1)] = 4
    repeats: Annotated[int, option("Threads of each length.", metavar="N", min=1)] = 5
    keep: Annotated[int | None, option("Let a thread keep so many messages; else all.", metavar="N", min=2)] = None


Postgres = Annotated[str | None, option("Keep the checkpoints there; else in this process.", metavar="URL")]
Server = Annotated[str | None, option("Keep the memory there (`chroma run`); else in a file.", metavar="URL")]


def serving(
    load: LoadOptions,
    models: SemOptions,
    output: OutputOptions,
    postgres: Postgres = None,
    server: Server = None,
    plots: Plots = None,
) -> None:
    """Time many conversations at once, and long threads.

    The LLM answers at once, in one process with one event loop, so what remains is HEF's own cost: SEM, memory, graph
    and checkpoints. A long thread's earlier turns are put into its state beforehand; they are not in the memory.
    """
    import asyncio
    import tempfile

    concurrency, lengths = parse_numbers("--at-once", load.at_once), parse_numbers("--lengths", load.lengths)
    settings = load_settings(models)
    from ...bench.sem_speed import machine
    from ...bench.serving_speed import measure_serving
    from ...graph import open_store
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    with tempfile.TemporaryDirectory() as home, advancing() as advance, open_store(home, sem, url=server) as store:
        report = asyncio.run(
            measure_serving(
                sem,
                store,
                concurrency=concurrency,
                lengths=lengths,
                turns=load.turns,
                repeats=load.repeats,
                keep=load.keep,
                postgres=postgres,
                progress=advance,
            )
        )
    if plots:
        from ...bench.bench_plots import plot_serving

        plot_serving(report, plots)
    details = {"machine": machine(settings.threads), "keep": load.keep, "memory": "server" if server else "folder"}
    emit_report("serving", None, [report], details, output, [_concurrency_table(report), _length_table(report)])


def _concurrency_table(report: ServeSpeed) -> Table:
    table = figure_table(
        "Conversations at once, an LLM that answers at once",
        ("at once", "turns", "turns per second", "p50 ms", "p95 ms", "CPU ms per turn"),
        f"{report.sem}, checkpoints in {report.checkpointer}; one process",
    )
    for load in report.concurrency:
        figures = (load.turns_per_second, load.p50_ms, load.p95_ms, load.cpu_ms)
        table.add_row(f"{load.conversations}", f"{load.turns}", *(f"{figure:,.1f}" for figure in figures))
    return table


def _length_table(report: ServeSpeed) -> Table:
    table = figure_table(
        "A turn by the length of its thread, medians",
        ("turn", "ms", "CPU ms", "LLM calls", "prompt characters", "kB written", "kB read"),
        f"{report.lengths[0].repeats} threads of each length; what the checkpointer is given and reads",
    )
    for row in report.lengths:
        figures = (row.p50_ms, row.cpu_ms, row.calls, row.prompt_characters, row.written_kb, row.read_kb)
        table.add_row(f"{row.turn:,}", *(f"{figure:,.1f}".removesuffix(".0") for figure in figures))
    return table
