"""`hef evaluate memory`: whether what was said earlier comes back when it is asked for in other words."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..report_output import JsonOption, emit_report, report_skipped_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ...evaluation.memory.recall_metrics import MemoryReport

DataOption = Annotated[
    Path | None,
    typer.Option("--data", "-d", dir_okay=False, help="Other dialogues than those that ship.", metavar="FILE"),
]


def memory(
    data: DataOption = None,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    ablate: Annotated[bool, typer.Option("--ablate", help="Also without each part of the formula.")] = False,
    out: JsonOption = None,
) -> None:
    """Measure recall of past turns: each question is to bring back the turn that answers it.

    Prints recall@1, @3 and @5 beside plain vector search and the newest turns, with 95% intervals. The defaults
    of the formula were chosen on every second person, so the others' figure stands apart.
    """
    from ..settings import settings

    chosen = settings(sem=sem, threads=threads)
    from ...evaluation.memory.memory_dialogues import chosen_on, read_memory_dialogues
    from ...evaluation.memory.recall_metrics import RecallBench, report_memory
    from ...sem import resolve_sem
    from ..progress_bars import advancing

    dialogues, broken = read_memory_dialogues(data)
    report_skipped_rows(broken)
    reader = resolve_sem(chosen.sem)
    with advancing() as advance:
        bench = RecallBench(reader, dialogues, partial(advance, "people"))
        reports = report_memory(bench.ways(ablate=ablate), dialogues, () if data else chosen_on(dialogues))
    held = {"sem": reader.description.name, "broken": len(broken)}
    emit_report("memory", data, list(reports), held, out, [_table(reader.description.name, reports)])


def _table(sem: str, reports: Sequence[MemoryReport]) -> Table:
    """Return one row a way."""
    from ..render import ACCENT
    from ..tables import new_table, percent

    first = reports[0]
    table = new_table(
        f"Past turns: {first.questions:,} questions of {first.users:,} people, {first.turns // first.users} turns each"
    )
    for name in ("", "recall@1", "recall@3", "recall@5", *(["@3, others"] if first.others else [])):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for report in reports:
        others = [report.others["at3"]] if report.others else []
        shares = [percent(held) for held in (*report.recall.values(), *others)]
        table.add_row(report.way, *shares, style=f"bold {ACCENT}" if report is first else "")
    table.caption = f"vectors of {sem}; 95% intervals over people" + (
        ".\nDefaults were chosen on every second person; the others were only measured." if first.others else ""
    )
    return table
