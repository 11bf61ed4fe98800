"""`hef bench chat-server`: the chat server under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from ..options import OutputOptions, SemOptions, option
from ..output import advancing, emit_report, figure_table
from ..settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ...bench.chat_server import ChatServerReport


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """Who talks with the server, and how long."""

    conversations: Annotated[int, option("Conversations at once.", metavar="N", min=1)] = 64
    seconds: Annotated[float, option("How long they go on.", metavar="S", min=1)] = 120.0
    turns: Annotated[int, option("Turns of a conversation before its person begins another.", metavar="N", min=1)] = 20
    no_memory: Annotated[bool, option("Recall and remember nothing.", "--no-memory")] = False


def chat_server(load: TalkOptions, models: SemOptions, output: OutputOptions) -> None:
    """Time the chat server with many conversations at once.

    The server of `hef serve chat` runs in a process of its own, with an LLM that answers at once, and keeps memory and
    turns as that command does, in a temporary folder. Each person sends the next turn, with all that was said before,
    as soon as the reply has come.
    The exit code is 1 where a request did not get the reply that was due, or where over the second half of a minute or
    more the server grew by more than 16 MB and 100 kB for each turn.
    """
    import tempfile
    from pathlib import Path

    import typer

    settings = load_settings(models)
    from ...bench.chat_server import measure_chat_server
    from ...bench.sem_speed import machine

    with tempfile.TemporaryDirectory() as home, advancing() as advance:
        report = measure_chat_server(
            settings.sem,
            Path(home),
            conversations=load.conversations,
            seconds=load.seconds,
            turns=load.turns,
            memory=not load.no_memory,
            progress=advance,
        )
    emit_report("chat server", None, [report], {"machine": machine(settings.threads)}, output, [_table(report)])
    for error in report.first_errors:
        typer.echo(f"error: {error}", err=True)
    if report.has_grown:
        growth = f"{report.growth_mb:.1f} MB over the second half, of at most {report.max_growth_mb:.1f}"
        typer.echo(f"error: the server grew by {growth}", err=True)
    if report.errors or report.has_grown:
        raise typer.Exit(1)


def _table(report: ChatServerReport) -> Table:
    memory = "a memory in a folder" if report.memory else "no memory"
    table = figure_table(
        "The chat server, an LLM that answers at once",
        ("figure", "value"),
        f"{report.sem}, {report.conversations} conversations for {report.seconds:.0f} s, {memory}; one process",
    )
    rows = {
        "turns": report.turns,
        "turns per second": report.turns_per_second,
        "p50 ms": report.p50_ms,
        "p95 ms": report.p95_ms,
        "first word, p50 ms": report.first_word_ms,
        "CPU ms per turn": report.cpu_ms,
        "MB held at the start": report.rss_start_mb,
        "MB held in the middle": report.rss_middle_mb,
        "MB held at the end": report.rss_end_mb,
        "MB grown over the second half": report.growth_mb,
        "errors": report.errors,
    }
    for name, value in rows.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else f"{value:,.1f}")
    return table
