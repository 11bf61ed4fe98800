"""`hef evaluate causes`, `retrieval` and `memory`: what a SEM finds beside the emotion, without any LLM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ..options import Against, OutputOptions, SampleOptions, SemOptions, option
from ..output import advancing, emit_report, figure_table, percent, report_skipped_rows
from ..render import ACCENT, FAINT
from ..settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ...evaluation.cause_metrics import CauseReport, SpanReport
    from ...evaluation.recall_metrics import MemoryReport
    from ...evaluation.retrieval import RetrievalReport

Data = Annotated[Path | None, option("Other dialogues than those that ship.", "--data", "-d", metavar="FILE")]
Kind = Annotated[
    Literal["questions", "messages"],
    option("Of the dialogues that ship: questions about what was said, or messages that mean it.", "--kind"),
]
Among = Annotated[
    int, option("Turns of other people that are put among each person's own.", "--among", metavar="N", min=0)
]
Ablate = Annotated[bool, option("Also without each part of the formula.", "--ablate")]


def causes(samples: SampleOptions, models: SemOptions, output: OutputOptions) -> None:
    """Measure cause words or spans.

    On EmoCause's rows recall of the first 1, 3 and 5 words, on RECCON's rows agreement with spans, beside content words
    drawn at random and the highest value that can be reached.
    """
    settings = load_settings(models)
    from ...data.cause_annotations import holds_spans, make_cause_row
    from ...data.conversations import subsample
    from ...data.json_lines import read_rows
    from ...evaluation.cause_metrics import evaluate_causes, evaluate_spans
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    report: Any
    with advancing() as advance:
        if samples.data.is_file() and holds_spans(samples.data):
            from ...data.cause_annotations import read_reccon

            dialogues, skipped = read_reccon(samples.data, sem.description.taxonomy.labels)
            drawn = subsample(dialogues, samples.limit, samples.seed)
            report = evaluate_spans(sem, drawn, seed=samples.seed, progress=advance)
            table = _span_table(samples.data.name, report)
        else:
            rows, skipped = read_rows(samples.data, make_cause_row)
            drawn_rows = subsample(rows, samples.limit, samples.seed)
            report = evaluate_causes(sem, drawn_rows, seed=samples.seed, progress=advance)
            table = _cause_table(samples.data.name, report)
    report_skipped_rows(skipped)
    details = {"limit": samples.limit, "seed": samples.seed, "broken": len(skipped)}
    emit_report("causes", samples.data, [report], details, output, [table])


def retrieval(samples: SampleOptions, models: SemOptions, output: OutputOptions, against: Against = None) -> None:
    """Measure sentence vectors.

    Each situation is to be found from its conversation's first utterance, among all situations of the file. Prints
    recall@1 and @5 with 95% intervals beside chance.
    """
    settings = load_settings(models)
    from ...data.conversations import subsample
    from ...data.json_lines import read_rows
    from ...evaluation.retrieval import embedding_function, make_retrieval_row, report_retrieval, situation_ranks
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    encoders = {sem.description.name: embedding_function(sem)}
    if against:
        from ...bench.baseline_encoder import PlainEncoder

        baseline = PlainEncoder(against, threads=settings.threads)
        encoders[f"{baseline.name} (plain)"] = baseline.embed
    rows, skipped = read_rows(samples.data, make_retrieval_row)
    report_skipped_rows(skipped)
    drawn = subsample(rows, samples.limit, samples.seed)
    with advancing() as advance:
        ranks = {name: situation_ranks(embed, drawn, rows, advance) for name, embed in encoders.items()}
    baseline_ranks = [*ranks.values(), None][1]
    reports = [
        report_retrieval(name, encoder_ranks, drawn, rows, None if index else baseline_ranks)
        for index, (name, encoder_ranks) in enumerate(ranks.items())
    ]
    details = {"limit": samples.limit, "seed": samples.seed, "broken": len(skipped)}
    emit_report("retrieval", samples.data, reports, details, output, [_retrieval_table(samples.data.name, reports)])


def memory(
    models: SemOptions,
    output: OutputOptions,
    data: Data = None,
    kind: Kind = "questions",
    among: Among = 0,
    ablate: Ablate = False,
) -> None:
    """Measure recall of past turns.

    Each question is to bring back the turn that answers it, each message of `--kind messages` the one that it is about.
    Prints recall@1, @3, @5 and @10 beside plain vector search and the newest turns, with 95% intervals. The defaults of
    the formula were chosen on every second person of `--kind questions`, so the figure of the others is separate.
    """
    settings = load_settings(models)
    from ...evaluation.recall_metrics import (
        RecallBench,
        among_others,
        read_memory_dialogues,
        report_memory,
        tuning_users,
        with_questions,
    )
    from ...sem import resolve_sem

    dialogues, skipped = read_memory_dialogues(data, kind)
    report_skipped_rows(skipped)
    chosen_on = tuning_users(dialogues) if data is None and kind == "questions" else ()
    people = with_questions(among_others(dialogues, among) if among else dialogues)
    sem = resolve_sem(settings.sem)
    with advancing() as advance:
        bench = RecallBench(sem, people, advance)
        reports = report_memory(bench.methods(ablate=ablate), people, chosen_on)
    name = sem.description.name
    details = {"sem": name, "kind": None if data else kind, "among": among, "broken": len(skipped)}
    emit_report("memory", data, list(reports), details, output, [_memory_table(name, reports)])


def _cause_table(data: str, report: CauseReport) -> Table:
    """Return recall beside chance and ceiling."""
    title = f"Cause words on {data}: {report.samples:,} situations"
    table = figure_table(title, ("", "recall@1", "recall@3", "recall@5"), "mean over situations; 95% intervals")
    table.add_row("random content words", *(f"{value:.1%}" for value in report.chance.values()), style=FAINT)
    table.add_row(report.sem, *(percent(value) for value in report.recall.values()), style=f"bold {ACCENT}")
    table.add_row("the marked words themselves", *(f"{value:.1%}" for value in report.ceiling.values()), style=FAINT)
    return table


def _span_table(data: str, report: SpanReport) -> Table:
    """Return agreement with marked spans beside chance."""
    title = f"Cause spans on {data}: {report.samples:,} utterances, content words"
    table = figure_table(title, ("", "precision", "recall", "F1"), "mean over utterances; 95% intervals")
    table.add_row("as many content words at random", "", "", f"{report.chance:.1%}", style=FAINT)
    table.add_row("all content words of the speaker", "", "", f"{report.everything:.1%}", style=FAINT)
    figures = (percent(value) for value in (report.precision, report.recall, report.f1))
    table.add_row(report.sem, *figures, style=f"bold {ACCENT}")
    return table


def _retrieval_table(data: str, reports: Sequence[RetrievalReport]) -> Table:
    """Return recall of each encoder beside chance, and how much of the plain one's the SEM reaches."""
    first = reports[0]
    table = figure_table(
        f"Situations of {data}: {first.samples:,} looked for among {first.situations:,}",
        ("", "recall@1", "recall@5"),
        "found from the first utterance; 95% intervals over conversations",
    )
    table.add_row("situations at random", *(f"{value:.2%}" for value in first.chance.values()), style=FAINT)
    for report in reports[1:]:
        table.add_row(report.encoder, *(percent(value) for value in report.recall.values()))
    table.add_row(first.encoder, *(percent(value) for value in first.recall.values()), style=f"bold {ACCENT}")
    if first.share:
        table.add_row(f"share of {reports[1].encoder}", *(percent(value) for value in first.share.values()))
    return table


def _memory_table(sem: str, reports: Sequence[MemoryReport]) -> Table:
    """Return one row per method."""
    first = reports[0]
    caption = f"vectors of {sem}; 95% intervals over people"
    if first.others:
        caption += ".\nDefaults were chosen on every second person; the others were only measured."
    table = figure_table(
        f"Past turns: {first.questions:,} questions of {first.users:,} people, {first.turns // first.users} turns each",
        ("", "recall@1", "recall@3", "recall@5", "recall@10", *(["@3, others"] if first.others else [])),
        caption,
        no_wrap=True,
    )
    for report in reports:
        others = [report.others["at3"]] if report.others else []
        recalls = [percent(estimate) for estimate in (*report.recall.values(), *others)]
        table.add_row(report.method, *recalls, style=f"bold {ACCENT}" if report is first else "")
    return table
