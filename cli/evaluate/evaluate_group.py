"""`hef evaluate`: the figures, on any file of the data's form."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import options
from ..report_output import (
    AgainstOption,
    DataOption,
    JsonOption,
    LimitOption,
    SeedOption,
    emit_report,
    report_skipped_rows,
)
from .evaluate_emotion import emotion
from .evaluate_memory import memory
from .evaluate_replies import replies

evaluate = typer.Typer(
    no_args_is_help=True, help="Measure emotion, cause words, replies, sentence vectors and recall of past turns."
)

evaluate.command()(emotion)
evaluate.command()(replies)
evaluate.command()(memory)


@evaluate.command()
def causes(
    data: DataOption,
    sem: options.SemOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    out: JsonOption = None,
) -> None:
    """Measure cause words: recall of the first 1, 3 and 5 on EmoCause's rows, agreement with spans on RECCON's.

    Printed beside content words drawn at random, and beside the most there is to reach.
    """
    from ..settings import settings

    chosen = settings(sem=sem)
    from ...evaluation import evaluate_causes, evaluate_spans, holds_spans, make_cause_row, read_rows, subsample
    from ...sem import resolve_sem
    from ..progress_bars import advancing
    from ..tables import cause_table, span_table

    reader = resolve_sem(chosen.sem)
    with advancing() as advance:
        if data.is_file() and holds_spans(data):
            from ...data.cause_annotations import read_reccon

            dialogues, broken = read_reccon(data, reader.description.taxonomy.labels)
            spans = evaluate_spans(
                reader, subsample(dialogues, limit, seed), seed=seed, report=partial(advance, "causes")
            )
            reports: list[Any] = [spans]
            table = span_table(data.name, spans)
        else:
            rows, broken = read_rows(data, make_cause_row)
            words = evaluate_causes(reader, subsample(rows, limit, seed), seed=seed, report=partial(advance, "causes"))
            reports = [words]
            table = cause_table(data.name, words)
    report_skipped_rows(broken)
    emit_report("causes", data, reports, {"limit": limit, "seed": seed, "broken": len(broken)}, out, [table])


@evaluate.command()
def retrieval(
    data: DataOption,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    against: AgainstOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    out: JsonOption = None,
) -> None:
    """Measure sentence vectors: each situation is to be found from its conversation's first utterance.

    All situations of the file are candidates. Prints recall@1 and @5 with 95% intervals, and chance beside them.
    """
    from ..settings import settings

    chosen = settings(sem=sem, threads=threads)
    from ...evaluation import make_retrieval_row, read_rows, report_retrieval, situation_ranks, subsample
    from ...evaluation.memory.retrieval import embedding_function
    from ...sem import resolve_sem
    from ..progress_bars import advancing
    from ..tables import retrieval_table

    reader = resolve_sem(chosen.sem)
    encoders = {reader.description.name: embedding_function(reader)}
    if against:
        from ...bench.baseline_encoder import PlainEncoder

        beside = PlainEncoder(against, threads=chosen.threads)
        encoders[f"{beside.name} (plain)"] = beside.embed
    rows, broken = read_rows(data, make_retrieval_row)
    report_skipped_rows(broken)
    drawn = subsample(rows, limit, seed)
    with advancing() as advance:
        ranks = [situation_ranks(embed, drawn, rows, partial(advance, name)) for name, embed in encoders.items()]
    plain = ranks[1] if against else None
    reports = [
        report_retrieval(name, found, drawn, rows, plain if place == 0 else None)
        for place, (name, found) in enumerate(zip(encoders, ranks, strict=True))
    ]
    held = {"limit": limit, "seed": seed, "broken": len(broken)}
    emit_report("retrieval", data, reports, held, out, [retrieval_table(data.name, reports)])


@evaluate.command()
def download(
    folder: Annotated[
        Path, typer.Option("--out", "-o", file_okay=False, help="Where the data is written.", metavar="FOLDER")
    ],
    archive: Annotated[
        Path | None,
        typer.Option("--archive", dir_okay=False, help="The archive, where it was downloaded before.", metavar="FILE"),
    ] = None,
) -> None:
    """Get EmpatheticDialogues (CC BY-NC 4.0) from its official archive, in the form that HEF reads."""
    from ...data.download import convert_archive
    from ...data.download import download as fetch

    counts = convert_archive(archive, folder) if archive else fetch(folder)
    for split, count in counts.items():
        typer.echo(f"{folder / split}.jsonl.gz  {count:,} conversations")
