"""`hef evaluate memory`: whether a question in other words brings back the turn that answers it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..options import OutputOptions, SemOptions
from ..output import advancing, emit_report, report_skipped_rows
from ..render import ACCENT
from ..settings import load_settings
from ..tables import figure_table, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ...evaluation.memory.recall_metrics import MemoryReport

Data = Annotated[
    Path | None,
    typer.Option("--data", "-d", dir_okay=False, help="Other dialogues than those that ship.", metavar="FILE"),
]
Ablate = Annotated[bool, typer.Option("--ablate", help="Also without each part of the formula.")]


def memory(models: SemOptions, output: OutputOptions, data: Data = None, ablate: Ablate = False) -> None:
    """Measure recall of past turns.

    Each question is to bring back the turn that answers it. Prints recall@1, @3 and @5 beside plain vector search and
    the newest turns, with 95% intervals. The defaults of the formula were chosen on every second person, so the
    figure of the others is separate.
    """
    settings = load_settings(models)
    from ...evaluation.memory.memory_dialogues import read_memory_dialogues, tuning_users
    from ...evaluation.memory.recall_metrics import RecallBench, report_memory
    from ...sem import resolve_sem

    dialogues, skipped = read_memory_dialogues(data)
    report_skipped_rows(skipped)
    sem = resolve_sem(settings.sem)
    with advancing() as advance:
        bench = RecallBench(sem, dialogues, advance)
        reports = report_memory(bench.methods(ablate=ablate), dialogues, () if data else tuning_users(dialogues))
    name = sem.description.name
    details = {"sem": name, "broken": len(skipped)}
    emit_report("memory", data, list(reports), details, output, [_table(name, reports)])


def _table(sem: str, reports: Sequence[MemoryReport]) -> Table:
    """Return one row per method."""
    first = reports[0]
    caption = f"vectors of {sem}; 95% intervals over people"
    if first.others:
        caption += ".\nDefaults were chosen on every second person; the others were only measured."
    table = figure_table(
        f"Past turns: {first.questions:,} questions of {first.users:,} people, {first.turns // first.users} turns each",
        ("", "recall@1", "recall@3", "recall@5", *(["@3, others"] if first.others else [])),
        caption,
        no_wrap=True,
    )
    for report in reports:
        others = [report.others["at3"]] if report.others else []
        recalls = [percent(estimate) for estimate in (*report.recall.values(), *others)]
        table.add_row(report.method, *recalls, style=f"bold {ACCENT}" if report is first else "")
    return table
