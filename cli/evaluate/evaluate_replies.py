"""`hef evaluate replies`: HEF's replies beside the same LLM's without HEF, and verdicts on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..error_messages import Misuse
from ..report_output import JsonOption, LimitOption, SeedOption, emit_report, report_skipped_rows

if TYPE_CHECKING:
    from ...evaluation.replies.replier import Reply
    from ...evaluation.replies.reply_metrics import ReplyFigures
    from ...evaluation.replies.reply_samples import ReplySample
    from ..settings import Settings

EXAMPLES = 10

DataOption = Annotated[
    Path | None,
    typer.Option("--data", "-d", dir_okay=False, help="JSON lines, gzipped or not.", metavar="FILE"),
]
AblateOption = Annotated[
    bool, typer.Option("--ablate", help="Also reply without the causes, and without the emotion, in the prompt.")
]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", file_okay=False, help="Keep replies there, and go on with those it holds.", metavar="FOLDER"),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        dir_okay=False,
        help="Write a page of Markdown with the figures, what each is, and examples.",
        metavar="FILE",
        rich_help_panel="Output",
    ),
]
ExportOption = Annotated[
    Path | None,
    typer.Option(
        "--export",
        dir_okay=False,
        help="Write blind pairs for judges; the key goes to NAME.key.jsonl beside it.",
        metavar="PAIRS",
        rich_help_panel="Judges",
    ),
]
JudgedOption = Annotated[
    Path | None,
    typer.Option(
        "--judged",
        dir_okay=False,
        help='Count verdicts on exported pairs, rows like {"id": "pair-0001", "better": "a"} (a, b or tie).',
        metavar="FILE",
        rich_help_panel="Judges",
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", dir_okay=False, help="The key of the judged pairs.", metavar="KEY", rich_help_panel="Judges"),
]


def replies(
    data: DataOption = None,
    sem: options.SemOption = None,
    model: options.ModelOption = None,
    threads: options.ThreadsOption = None,
    strategy: options.StrategyOption = "two_stage",
    primary: options.PrimaryOption = 5,
    max_requeries: options.RequeriesOption = 1,
    persona: options.PersonaOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    ablate: AblateOption = False,
    run: RunOption = None,
    export: ExportOption = None,
    judged: JudgedOption = None,
    key: KeyOption = None,
    report: ReportOption = None,
    out: JsonOption = None,
) -> None:
    """Measure replies: HEF's, and the same LLM's without HEF, to the same turns with the same persona and decoding.

    Prints perplexity of the human reply, distinct-1/2, BLEU, similarity to the human reply, what the SEM reads after
    the reply, cause words taken up, length, and who speaks, with 95% intervals; human replies beside them. With
    --judged FILE --key KEY it counts how judges decided on pairs that --export wrote.
    """
    if judged:
        _count(judged, key, out)
        return
    if data is None:
        raise Misuse("give --data FILE, or --judged FILE with --key FILE")
    from ..build_graph import parse_primary, run_context
    from ..settings import settings

    settled = run_context(
        None, strategy=strategy, primary=parse_primary(primary), max_requeries=max_requeries, persona=persona
    )
    chosen = settings(sem=sem, model=model, threads=threads)
    from ...evaluation.replies.reply_metrics import check_figures, report_replies
    from ...sem import resolve_sem

    reader = resolve_sem(chosen.sem)
    check_figures(reader)
    samples, broken = _samples(data, reader, limit, seed)
    made, named = _collect(reader, chosen, settled, samples, ablate, run)
    figures, context = report_replies(made, samples, reader)
    held: dict[str, Any] = {
        "limit": limit,
        "seed": seed,
        "broken": len(broken),
        **named,
        "context_match": context.model_dump(mode="json"),
    }
    if export:
        held["sha256"] = _export(export, samples, made, seed)
    if report:
        _write_page(report, data, figures, context, held, samples, made)
    from ..reply_tables import reply_table

    emit_report("replies", data, figures, held, out, [reply_table(data.name, named["model"], figures, context)])


def _samples(data: Path, reader: Any, limit: int | None, seed: int) -> tuple[list[ReplySample], list[str]]:
    from ...evaluation import subsample
    from ...evaluation.replies.reply_samples import read_reply_samples

    samples, broken = read_reply_samples(data, reader.description.taxonomy.labels)
    report_skipped_rows(broken)
    return subsample(samples, limit, seed), broken


def _collect(
    reader: Any, chosen: Settings, settled: Any, samples: list[ReplySample], ablate: bool, run: Path | None
) -> tuple[dict[str, list[Reply]], dict[str, Any]]:
    """Return the replies of each variant, and what they depend on, with a progress bar."""
    from ...evaluation.replies.replier import ABLATED, COMPARED, Replier, Reply, collect
    from ...evaluation.replies.reply_run import ReplyRun
    from ...llm import resolve_model
    from ..progress_bars import advancing

    replier = Replier(resolve_model(chosen.model), reader, settled, chosen.prompts, chosen.fit)
    kept = ReplyRun(run, Reply, replier.settings)
    with advancing() as advance:
        made = collect(
            replier, samples, ABLATED if ablate else COMPARED, kept, lambda done, total: advance("replies", done, total)
        )
    return {str(variant): held for variant, held in made.items()}, replier.settings


def _export(path: Path, samples: list[ReplySample], made: dict[str, list[Reply]], seed: int) -> dict[str, str]:
    """Write pairs and key, and say both hashes on stderr."""
    from ...evaluation.replies.blind_pairs import export_pairs, make_pairs

    seals = export_pairs(path, *make_pairs(samples, made["hef"], made["plain"], seed))
    for name, digest in seals.items():
        typer.echo(f"sha256 {digest}  {name}", err=True)
    return seals


def _write_page(
    path: Path,
    data: Path,
    figures: list[ReplyFigures],
    context: Any,
    held: dict[str, Any],
    samples: list[ReplySample],
    made: dict[str, list[Reply]],
) -> None:
    from importlib.metadata import version

    from ...evaluation.replies.reply_page import page

    about = {"data": data.name, "hef": version("hef"), **held}
    del about["context_match"]
    rows = [
        (sample, {variant: replies[place] for variant, replies in made.items()})
        for place, sample in enumerate(samples[:EXAMPLES])
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(figures, context, about, rows), encoding="utf-8")


def _count(judged: Path, key: Path | None, out: str | None) -> None:
    """Print how judges decided."""
    if key is None:
        raise Misuse("--judged wants the key of the pairs, too: --key NAME.key.jsonl")
    from ...evaluation import read_rows
    from ...evaluation.replies.blind_pairs import make_key_row, make_verdict, sha256, win_rate
    from ..reply_tables import win_table

    verdicts, broken = read_rows(judged, make_verdict)
    rows, torn = read_rows(key, make_key_row)
    figures, strange = win_rate(verdicts, rows)
    report_skipped_rows([*broken, *torn, *strange])
    seal = sha256(key)
    typer.echo(f"sha256 {seal}  {key.name}", err=True)
    held = {"broken": len(broken) + len(torn) + len(strange), "sha256": {key.name: seal}}
    emit_report("verdicts", judged, [figures], held, out, [win_table(figures)])
