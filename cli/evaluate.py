"""`hef evaluate`: the figures, on any file of the data's form."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import options
from .errors import Misuse
from .evaluate_replies import replies
from .measuring import AgainstOption, DataOption, JsonOption, SeedOption, give, name_broken

if TYPE_CHECKING:
    from ..evaluation import EmotionReport, Prediction
    from ..evaluation.second_look import SecondLook
    from ..sem import Sem

evaluate = typer.Typer(
    no_args_is_help=True, help="Measure emotion, cause words, replies and sentence vectors on a file of data."
)

evaluate.command()(replies)

STRATEGIES: tuple[options.StrategyName, ...] = ("sem_only", "llm_only", "one_prompt", "two_stage")

StrategyOption = Annotated[
    Literal["sem_only", "llm_only", "one_prompt", "two_stage", "all"],
    typer.Option(
        "--strategy", help="How the emotion is decided; all measures them side by side.", rich_help_panel="Emotion"
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Measure on so many samples, drawn at random.", metavar="N")
]
PlotsOption = Annotated[
    Path | None,
    typer.Option(
        "--plots",
        file_okay=False,
        help="Draw confusion.png and reliability.png of the first strategy there.",
        metavar="FOLDER",
        rich_help_panel="Output",
    ),
]
SecondLookOption = Annotated[
    bool,
    typer.Option(
        "--second-look",
        help="Also look again at the least certain third, and say what it gains.",
        rich_help_panel="Emotion",
    ),
]
RecordOption = Annotated[
    bool,
    typer.Option(
        "--record", help="Keep the SEM's own figures in its folder, for `hef sems`.", rich_help_panel="Emotion"
    ),
]


@evaluate.command()
def emotion(
    data: DataOption,
    sem: options.SemOption = None,
    model: options.ModelOption = None,
    threads: options.ThreadsOption = None,
    strategy: StrategyOption = "sem_only",
    primary: options.PrimaryOption = 5,
    max_requeries: options.RequeriesOption = 1,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    second_look: SecondLookOption = False,
    record: RecordOption = False,
    plots: PlotsOption = None,
    out: JsonOption = None,
) -> None:
    """Measure emotion accuracy: every listener turn is one sample, its input all turns before it.

    Prints top-1, top-3 and top-5 accuracy, calibration error and likelihood, with 95% intervals over conversations,
    and how often prediction sets hold the emotion. Figures of each emotion and all confusions stand in the JSON.
    """
    from .assemble import primary_of
    from .settings import settings

    shown = primary_of(primary)
    chosen = settings(sem=sem, model=model, threads=threads)
    names = STRATEGIES if strategy == "all" else (strategy,)
    for wanted, flag in ((second_look, "--second-look"), (record, "--record")):
        if wanted and "sem_only" not in names:
            raise Misuse(f"{flag} is about the SEM alone; add --strategy sem_only (or all)")
    from ..evaluation import draw, read_samples
    from ..sem import resolve_sem

    reader = resolve_sem(chosen.sem)
    if record:
        _check_folder(reader)
    samples, broken = read_samples(data, reader.description.taxonomy.labels)
    name_broken(broken)
    drawn = draw(samples, limit, seed)
    run = {"primary": shown, "max_requeries": max_requeries}
    measured = [_measure(name, reader, chosen.model, drawn, run) for name in names]
    reports = [report for report, _ in measured]
    looks = _look_again(reader, drawn, measured[0][1]) if second_look else []
    if record:
        _record(reader, reports[0])
    if plots:
        from ..evaluation.plots import draw_plots

        draw_plots(reports[0], plots)
    held: dict[str, Any] = {"limit": limit, "seed": seed, "broken": len(broken), **run}
    if looks:
        held["second_look"] = [look.model_dump(mode="json") for look in looks]
    from .figures import emotion_table, second_look_table, sets_table

    tables = [emotion_table(data.name, reports)]
    tables += [sets_table(report.sets) for report in reports if report.sets]
    give("emotion", data, reports, held, out, [*tables, *([second_look_table(looks)] if looks else [])])


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
    from .settings import settings

    chosen = settings(sem=sem)
    from ..evaluation import draw, evaluate_causes, evaluate_spans, holds_spans, make_cause_row, read_rows
    from ..sem import resolve_sem
    from .figures import cause_table, span_table
    from .progress import advancing

    reader = resolve_sem(chosen.sem)
    with advancing() as advance:
        if data.is_file() and holds_spans(data):
            from ..sem.training.cause_data import read_reccon

            dialogues, broken = read_reccon(data, reader.description.taxonomy.labels)
            spans = evaluate_spans(reader, draw(dialogues, limit, seed), seed=seed, report=partial(advance, "causes"))
            reports: list[Any] = [spans]
            table = span_table(data.name, spans)
        else:
            rows, broken = read_rows(data, make_cause_row)
            words = evaluate_causes(reader, draw(rows, limit, seed), seed=seed, report=partial(advance, "causes"))
            reports = [words]
            table = cause_table(data.name, words)
    name_broken(broken)
    give("causes", data, reports, {"limit": limit, "seed": seed, "broken": len(broken)}, out, [table])


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
    from .settings import settings

    chosen = settings(sem=sem, threads=threads)
    from ..evaluation import draw, make_retrieval_row, read_rows, report_retrieval, situation_ranks
    from ..evaluation.retrieval import embed_of
    from ..sem import resolve_sem
    from .figures import retrieval_table
    from .progress import advancing

    reader = resolve_sem(chosen.sem)
    encoders = {reader.description.name: embed_of(reader)}
    if against:
        from ..evaluation.plain_encoder import PlainEncoder

        beside = PlainEncoder(against, threads=chosen.threads)
        encoders[f"{beside.name} (plain)"] = beside.embed
    rows, broken = read_rows(data, make_retrieval_row)
    name_broken(broken)
    drawn = draw(rows, limit, seed)
    with advancing() as advance:
        ranks = [situation_ranks(embed, drawn, rows, partial(advance, name)) for name, embed in encoders.items()]
    plain = ranks[1] if against else None
    reports = [
        report_retrieval(name, found, drawn, rows, plain if place == 0 else None)
        for place, (name, found) in enumerate(zip(encoders, ranks, strict=True))
    ]
    held = {"limit": limit, "seed": seed, "broken": len(broken)}
    give("retrieval", data, reports, held, out, [retrieval_table(data.name, reports)])


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
    from ..evaluation import convert_archive
    from ..evaluation import download as fetch

    counts = convert_archive(archive, folder) if archive else fetch(folder)
    for split, count in counts.items():
        typer.echo(f"{folder / split}.jsonl.gz  {count:,} conversations")


def _measure(
    strategy: options.StrategyName, sem: Sem, model: str | None, samples: list[Any], run: dict[str, Any]
) -> tuple[EmotionReport, list[Prediction]]:
    """Measure one strategy, with a progress bar."""
    from ..contract import HefContext
    from ..evaluation import predict_all, predict_with_hef, predict_with_sem, report_emotion
    from .progress import advancing

    about, named = sem.description, None
    if strategy == "sem_only":
        predict, part = predict_with_sem(sem), 64
    else:
        from ..graph import create_perception
        from ..llm import model_name, resolve_model

        llm = resolve_model(model)
        named = model_name(llm)
        hef = create_perception(model=llm, sem=sem).compile()
        predict, part = predict_with_hef(hef, HefContext(strategy=strategy, **run)), 1
    started = time.perf_counter()
    with advancing() as advance:
        found = predict_all(predict, samples, part=part, report=lambda done, total: advance(strategy, done, total))
    report = report_emotion(
        found,
        samples,
        about.taxonomy.labels,
        strategy=strategy,
        seconds=time.perf_counter() - started,
        sem=None if strategy == "llm_only" else about.name,
        model=named,
        sets=about.prediction_sets if strategy == "sem_only" else None,
    )
    return report, found


def _look_again(sem: Sem, samples: list[Any], found: list[Prediction]) -> list[SecondLook]:
    from ..evaluation.second_look import evaluate_second_look
    from .progress import advancing

    with advancing() as advance:
        return evaluate_second_look(sem, samples, found, report=lambda done, total: advance("second look", done, total))


def _check_folder(sem: Sem) -> None:
    from ..sem import OnnxSem

    if not isinstance(sem, OnnxSem):
        raise Misuse("--record wants a SEM that lies in a folder of its own")


def _record(sem: Any, own: EmotionReport) -> None:
    """Write what the SEM reached by itself into its folder."""
    figures = {name: round(getattr(own, name).value, 4) for name in ("top1", "top3", "top5", "ece")}
    if own.sets:
        whole = own.sets["all"]
        figures |= {"coverage90": round(whole.coverage.value, 4), "size90": round(whole.size.value, 2)}
    sem.record({**figures, "samples": own.samples})
