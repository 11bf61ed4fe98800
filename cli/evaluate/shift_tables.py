"""`hef evaluate emotion --shift`: turns behind other talk, on joined conversations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..output import advancing, emit_report, figure_table, percent, report_skipped_rows
from .batch_round import ending_with_questions

if TYPE_CHECKING:
    from rich.table import Table

    from ...contract import HefContext
    from ...evaluation.emotion.topic_shift import ShiftReport
    from ...sem import Sem
    from ..options import SampleOptions
    from ..settings import Settings
    from .emotion_options import EmotionOutput, MeasureOptions


def measure_shift(
    sem: Sem,
    settings: Settings,
    samples: SampleOptions,
    context: HefContext,
    measure: MeasureOptions,
    fitted: Path | None,
    output: EmotionOutput,
) -> None:
    """Measure each strategy on each kind of joined context, and print a table; `--limit` counts conversations."""
    from ...contract import PoolingWeights
    from ...data.conversations import read_labelled
    from ...evaluation.emotion.topic_shift import evaluate_shift, shift_samples
    from .evaluate_emotion import open_llm, open_pair

    conversations, skipped = read_labelled(samples.data, sem.description.taxonomy.labels)
    report_skipped_rows(skipped)
    groups = shift_samples(conversations, samples.limit, samples.seed)
    file = fitted or settings.fit
    fit = PoolingWeights.from_file(file) if file else None
    llm = open_llm(sem, settings, measure, samples.seed)
    with ending_with_questions(llm), advancing() as advance:
        pair = open_pair(sem, llm, settings, output.run, advance)
        reports = [
            report
            for name in measure.strategies
            for report in evaluate_shift(pair, context.model_copy(update={"strategy": name}), groups, fit)
        ]
    details = {"limit": samples.limit, "seed": samples.seed, "broken": len(skipped)}
    emit_report("emotion_shift", samples.data, reports, details, output, [_shift_table(samples.data.name, reports)])


def _shift_table(data: str, reports: Sequence[ShiftReport]) -> Table:
    """Return one row per strategy and kind of context."""
    from ...evaluation.emotion.topic_shift import TITLES

    columns = ("strategy", "context", "samples", "right", "earlier emotion")
    table = figure_table(f"Changes of topic on {data}", columns, "95% intervals over conversations")
    for report in reports:
        earlier = percent(report.earlier) if report.earlier else ""
        table.add_row(report.strategy, TITLES[report.shift], f"{report.samples:,}", percent(report.accuracy), earlier)
    return table
