"""`hef evaluate`: the figures, on any file of the data's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import options
from .errors import Misuse
from .train import name_broken

if TYPE_CHECKING:
    from ..evaluation import EmotionReport
    from ..sem import Sem

evaluate = typer.Typer(no_args_is_help=True, help="Measure emotion accuracy and cause words on a file of data.")

STRATEGIES: tuple[options.StrategyName, ...] = ("sem_only", "llm_only", "one_prompt", "two_stage")

DataOption = Annotated[
    Path, typer.Option("--data", "-d", dir_okay=False, help="JSON lines, gzipped or not.", metavar="FILE")
]
StrategyOption = Annotated[
    Literal["sem_only", "llm_only", "one_prompt", "two_stage", "all"],
    typer.Option(
        "--strategy", help="How the emotion is decided; all measures them side by side.", rich_help_panel="Emotion"
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Measure on so many samples, drawn at random.", metavar="N")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the draw.", metavar="N")]
JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        help="Also write the figures to a file; - prints them and nothing else.",
        metavar="OUT",
        rich_help_panel="Output",
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
    record: RecordOption = False,
    out: JsonOption = None,
) -> None:
    """Measure emotion accuracy: every listener turn is one sample, its input all turns before it.

    Prints top-1, top-3 and top-5 accuracy and the expected calibration error, with 95% intervals over conversations.
    """
    from .assemble import primary_of
    from .settings import settings

    shown = primary_of(primary)
    chosen = settings(sem=sem, model=model, threads=threads)
    from ..evaluation import draw, read_samples
    from ..sem import resolve_sem

    reader = resolve_sem(chosen.sem)
    labels = reader.description.taxonomy.labels
    samples, broken = read_samples(data, labels)
    name_broken(broken)
    drawn = draw(samples, limit, seed)
    names = STRATEGIES if strategy == "all" else (strategy,)
    run = {"primary": shown, "max_requeries": max_requeries}
    reports = [_measure(name, reader, chosen.model, drawn, run) for name in names]
    if record:
        _record(reader, reports)
    held = {"limit": limit, "seed": seed, "broken": len(broken), **run}
    _give("emotion", data, reports, held, out)


@evaluate.command()
def causes(
    data: DataOption,
    sem: options.SemOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    out: JsonOption = None,
) -> None:
    """Measure cause words on EmoCause rows: recall of the first 1, 3 and 5 words.

    Printed beside content words drawn at random, and beside the most there is to reach.
    """
    from .settings import settings

    chosen = settings(sem=sem)
    from ..evaluation import draw, evaluate_causes, make_cause_row, read_rows
    from ..sem import resolve_sem
    from .progress import advancing

    rows, broken = read_rows(data, make_cause_row)
    name_broken(broken)
    drawn = draw(rows, limit, seed)
    with advancing() as advance:
        report = evaluate_causes(
            resolve_sem(chosen.sem), drawn, seed=seed, report=lambda done, total: advance("causes", done, total)
        )
    _give("causes", data, [report], {"limit": limit, "seed": seed, "broken": len(broken)}, out)


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
) -> EmotionReport:
    """Measure one strategy, with a progress bar."""
    from ..contract import HefContext
    from ..evaluation import evaluate_emotion, predict_with_hef, predict_with_sem
    from .progress import advancing

    named = None
    if strategy == "sem_only":
        predict, part = predict_with_sem(sem), 64
    else:
        from ..graph import create_perception
        from ..llm import model_name, resolve_model

        llm = resolve_model(model)
        named = model_name(llm)
        hef = create_perception(model=llm, sem=sem).compile()
        predict, part = predict_with_hef(hef, HefContext(strategy=strategy, **run)), 1
    with advancing() as advance:
        return evaluate_emotion(
            predict,
            samples,
            sem.description.taxonomy.labels,
            strategy=strategy,
            sem=None if strategy == "llm_only" else sem.description.name,
            model=named,
            part=part,
            report=lambda done, total: advance(strategy, done, total),
        )


def _record(sem: Sem, reports: list[EmotionReport]) -> None:
    """Write what the SEM reached by itself into its folder."""
    from ..sem import OnnxSem

    own = next((report for report in reports if report.strategy == "sem_only"), None)
    if own is None or not isinstance(sem, OnnxSem):
        raise Misuse("--record wants the strategy sem_only (or all), and a SEM that lies in a folder of its own")
    figures = {name: round(getattr(own, name).value, 4) for name in ("top1", "top3", "top5", "ece")}
    sem.record({**figures, "samples": own.samples})


def _give(task: str, data: Path, reports: list[Any], held: dict[str, Any], out: str | None) -> None:
    """Print the figures and write them where they are wanted."""
    from ..evaluation.report import document, write

    found = document(task, data, reports, held)
    if out == "-":
        typer.echo(json.dumps(found, indent=2))
        return
    if out is not None and not out.strip():
        raise Misuse("--json needs a file name, or -")
    if out:
        write(Path(out), found)
    from rich.console import Console

    from .figures import cause_table, emotion_table

    console = Console(highlight=False)
    console.print(emotion_table(data.name, reports) if task == "emotion" else cause_table(data.name, reports[0]))
