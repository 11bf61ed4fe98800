"""`hef evaluate chats`: how a SEM reads chats that change their subject and often carry no feeling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..options import OutputOptions, SemOptions, option
from ..output import advancing, emit_report, figure_table, report_skipped_rows
from ..settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ...evaluation.emotion.chat_metrics import ChatReport
    from ...evaluation.metrics import Estimate

Chats = Annotated[Path | None, option("Other chats than those that ship, as JSON lines.", "--chats", metavar="FILE")]


def chats(models: SemOptions, output: OutputOptions, chats: Chats = None) -> None:
    """Measure the reading of chats with many subjects.

    Each turn of the person is read behind all that was said before it, as in an app. By default on the project's own
    chats, by writers who saw no code, and on which nothing is fitted.
    """
    settings = load_settings(models)
    from ...data.labelled_chats import read_chats
    from ...evaluation.emotion.chat_metrics import measure_chats, measured_chats
    from ...sem import resolve_sem

    marked, broken = read_chats(chats) if chats else (measured_chats(), [])
    report_skipped_rows(broken)
    with advancing() as advance:
        reports = measure_chats(resolve_sem(settings.sem), marked, advance)
    emit_report("chats", chats, reports, {"broken": len(broken)}, output, [_chat_table(reports)])


def _chat_table(reports: list[ChatReport]) -> Table:
    """Return a row for each figure, a column for each language."""
    table = figure_table("Chats of many subjects", ["", *(report.language for report in reports)])
    table.add_row("chats", *(str(report.chats) for report in reports))
    table.add_row("turns with a feeling / without", *(f"{one.with_feeling} / {one.without}" for one in reports))
    shares = {
        "read right": "right",
        "with a feeling: right emotion": "emotion_right",
        "  among the first three": "emotion_in_three",
        "  called neutral": "missed",
        "without a feeling: called neutral": "called_neutral",
        "  read as an earlier subject's": "carried_over",
        "cause words in the current subject": "causes_in_subject",
        "  one of them marked by the reader": "causes_right",
    }
    for title, name in shares.items():
        table.add_row(title, *(_percent(getattr(report, name)) for report in reports))
    return table


def _percent(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate.percent()
