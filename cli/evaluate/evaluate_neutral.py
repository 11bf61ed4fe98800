"""`hef evaluate neutral`: how a SEM tells turns without an emotion from those with one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..options import OutputOptions, SampleOptions, SemOptions, option
from ..output import advancing, emit_report, figure_table, report_skipped_rows
from ..settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ...evaluation.emotion.neutral_metrics import NeutralReport


@dataclass(frozen=True, slots=True)
class PlainOptions:
    """Where turns without an emotion come from."""

    comments: Annotated[
        list[Path] | None,
        option(
            'JSON lines with "text" and "labels" (GoEmotions\' form), or with "turns" (RECCON\'s); several times.',
            metavar="FILE",
        ),
    ] = None


def neutral(samples: SampleOptions, plain: PlainOptions, models: SemOptions, output: OutputOptions) -> None:
    """Measure how turns without an emotion are told.

    The conversations of --data carry an emotion; those of --comments are marked row by row. Prints for each source,
    and for all turns without an emotion against the conversations, the area under the ROC curve and how many are
    called neutral.
    """
    settings = load_settings(models)
    from ...data.conversations import read_samples, subsample
    from ...data.plain_turns import read_plain_turns
    from ...evaluation.emotion.neutral_metrics import measure_neutral
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    readable, skipped = read_samples(samples.data, sem.description.taxonomy.labels)
    report_skipped_rows(skipped)
    drawn = [sample.turns for sample in subsample(readable, samples.limit, samples.seed)]
    sources = {}
    for file in plain.comments or []:
        without, with_emotion = read_plain_turns(file)
        rows = (subsample(without, samples.limit, samples.seed), subsample(with_emotion, samples.limit, samples.seed))
        sources[file.parent.name or file.name] = rows
    with advancing() as advance:
        reports = measure_neutral(sem, samples.data.name, drawn, sources, progress=advance)
    details = {"limit": samples.limit, "seed": samples.seed, "broken": len(skipped)}
    emit_report("neutral", samples.data, reports, details, output, [_neutral_table(reports)])


def _neutral_table(reports: list[NeutralReport]) -> Table:
    columns = ("source", "without emotion", "with one", "AUC", "without called neutral", "with one called so")
    table = figure_table("Turns without an emotion", columns)
    table.columns[0].overflow = "fold"
    table.columns[0].ratio = 3
    for report in reports:
        shares = ("" if share is None else f"{share:.1%}" for share in (report.plain_called, report.emotional_called))
        auc = "" if report.auc is None else f"{report.auc:.3f}"
        table.add_row(report.source, f"{report.plain:,}", f"{report.emotional:,}", auc, *shares)
    return table
