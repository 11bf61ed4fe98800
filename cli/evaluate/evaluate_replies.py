"""`hef evaluate replies` and `hef evaluate verdicts`: replies with and without HEF, and judges' verdicts on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..options import OutputOptions, ReplyOptions, SampleOptions, option
from ..output import advancing, emit_report, faint_margin, figure_table, percent, report_skipped_rows
from ..render import ACCENT, FAINT
from ..settings import load_settings
from .batch_round import BatchModelOptions, ending_with_questions, open_batch

if TYPE_CHECKING:
    from rich.table import Table

    from ...contract import HefContext
    from ...evaluation.metrics import Estimate
    from ...evaluation.replies.blind_pairs import WinRate
    from ...evaluation.replies.replier import Reply, ReplySample
    from ...evaluation.replies.reply_metrics import ReplyMetrics
    from ..settings import Settings

EXAMPLES = 10
"""Dialogues that the page of `--report` shows."""


@dataclass(frozen=True, slots=True)
class RepliesOutput(OutputOptions):
    """Where figures, replies and pairs go."""

    run: Annotated[Path | None, option("Keep replies there, and resume with those it has.", metavar="FOLDER")] = None
    export: Annotated[
        Path | None,
        option(
            "Write blind pairs for judges; the key goes to NAME.key.jsonl beside it.", metavar="PAIRS", dir_okay=False
        ),
    ] = None
    report: Annotated[
        Path | None, option("Write a page of Markdown with the figures and examples.", metavar="FILE")
    ] = None


Ablate = Annotated[bool, option("Also reply without the causes, and without the emotion, in the prompt.", "--ablate")]
Judged = Annotated[
    Path,
    typer.Argument(
        dir_okay=False,
        help='Verdicts on exported pairs, rows like {"id": "pair-0001", "better": "a"} (a, b or tie).',
        metavar="VERDICTS",
    ),
]
Key = Annotated[Path, option("The key that --export wrote beside the pairs.", metavar="KEY", dir_okay=False)]


def replies(
    samples: SampleOptions,
    models: BatchModelOptions,
    options: ReplyOptions,
    output: RepliesOutput,
    ablate: Ablate = False,
) -> None:
    """Measure replies beside the same LLM's without HEF.

    Both reply to the same turns with the same persona and decoding. Prints perplexity of the human reply,
    distinct-1/2, BLEU, similarity to the human reply, what the SEM reads after the reply, cause words taken up, length,
    and who speaks, with 95% intervals; human replies beside them. With --model batch:FOLDER the LLM answers in rounds:
    see `hef evaluate emotion`.
    """
    settings, context = load_settings(models), options.reply_context()
    from ...data.conversations import subsample
    from ...evaluation.replies.replier import read_reply_samples
    from ...evaluation.replies.reply_metrics import check_metrics, report_replies
    from ...sem import resolve_sem

    sem = resolve_sem(settings.sem)
    check_metrics(sem)
    readable, skipped = read_reply_samples(samples.data, sem.description.taxonomy.labels)
    report_skipped_rows(skipped)
    drawn = subsample(readable, samples.limit, samples.seed)
    texts, setup = _collect(sem, settings, context, drawn, ablate, output.run)
    figures, context_match = report_replies(texts, drawn, sem)
    details: dict[str, Any] = {"limit": samples.limit, "seed": samples.seed, "broken": len(skipped), **setup}
    if output.export:
        details["sha256"] = _export(output.export, drawn, texts, samples.seed)
    if output.report:
        _write_page(output.report, samples.data, figures, context_match, details, drawn, texts)
    details["context_match"] = context_match
    table = _reply_table(samples.data.name, setup["model"], figures, context_match)
    emit_report("replies", samples.data, figures, details, output, [table])


def verdicts(judged: Judged, key: Key, output: OutputOptions) -> None:
    """Count how judges decided on blind pairs.

    `hef evaluate replies --export` writes the pairs and their key.
    """
    from ...data.json_lines import read_rows
    from ...evaluation.replies.blind_pairs import make_key_row, make_verdict, sha256, win_rate

    rows, skipped = read_rows(judged, make_verdict)
    key_rows, skipped_keys = read_rows(key, make_key_row)
    rate, unknown = win_rate(rows, key_rows)
    messages = [*skipped, *skipped_keys, *unknown]
    report_skipped_rows(messages)
    digest = sha256(key)
    typer.echo(f"sha256 {digest}  {key.name}", err=True)
    details = {"broken": len(messages), "sha256": {key.name: digest}}
    emit_report("verdicts", judged, [rate], details, output, [_win_table(rate)])


def _collect(
    sem: Any, settings: Settings, context: HefContext, samples: list[ReplySample], ablate: bool, run: Path | None
) -> tuple[dict[str, list[Reply]], dict[str, Any]]:
    """Return the replies of each variant, and the settings they depend on."""
    from ...evaluation.replies.replier import ABLATED, COMPARED, Replier, collect, open_reply_log
    from ...llm import resolve_model

    model = open_batch(settings.model) or resolve_model(settings.model)
    replier = Replier(model, sem, context, settings.prompts, settings.fit)
    log = open_reply_log(run, replier.settings)
    with ending_with_questions(model), advancing() as advance:
        variants = ABLATED if ablate else COMPARED
        texts = collect(replier, samples, variants, log, advance)
    return {str(variant): replies for variant, replies in texts.items()}, replier.settings


def _export(path: Path, samples: list[ReplySample], texts: Mapping[str, list[Reply]], seed: int) -> dict[str, str]:
    """Write pairs and key, and print both hashes on stderr."""
    from ...evaluation.replies.blind_pairs import export_pairs, make_pairs

    digests = export_pairs(path, *make_pairs(samples, texts["hef"], texts["plain"], seed))
    for name, digest in digests.items():
        typer.echo(f"sha256 {digest}  {name}", err=True)
    return digests


def _write_page(
    path: Path,
    data: Path,
    figures: list[ReplyMetrics],
    context_match: Estimate,
    details: Mapping[str, Any],
    samples: list[ReplySample],
    texts: Mapping[str, list[Reply]],
) -> None:
    from importlib.metadata import version

    from ...evaluation.replies.reply_report import report_text

    setup = {"data": data.name, "hef": version("hef"), **details}
    examples = [
        (sample, {variant: replies[index] for variant, replies in texts.items()})
        for index, sample in enumerate(samples[:EXAMPLES])
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report_text(figures, context_match, setup, examples), encoding="utf-8")


def _reply_table(data: str, model: str, figures: Sequence[ReplyMetrics], context_match: Estimate) -> Table:
    """Return one column per way to reply, HEF's highlighted."""
    from ...evaluation.replies.reply_report import ROWS, TITLES

    first = figures[0]
    table = figure_table(
        f"Replies on {data}: {first.samples:,} samples of {first.conversations:,} conversations",
        ("", *(TITLES[variant.variant] for variant in figures)),
        f"{model}; 95% intervals over conversations; the SEM reads the true emotion of {context_match.value:.1%} of "
        "the dialogues without any reply",
    )
    for column, variant in zip(table.columns[1:], figures, strict=True):
        column.style = {"hef": f"bold {ACCENT}", "human": FAINT}.get(variant.variant, "")
    for name, cell in ROWS:
        table.add_row(name, *(faint_margin(cell(variant)) for variant in figures))
    return table


def _win_table(rate: WinRate) -> Table:
    """Return how often HEF's reply was judged better."""
    table = figure_table(
        f"Judged: {rate.verdicts:,} verdicts on {rate.pairs:,} pairs",
        ("HEF better", "tie", "LLM alone better", "win rate", "sign test p"),
        f"a tie counts half; 95% interval over pairs; {rate.unjudged:,} pairs of the key without a verdict",
    )
    counts = (f"{count:,}" for count in (rate.wins, rate.ties, rate.losses))
    table.add_row(*counts, percent(rate.rate), f"{rate.p_value:.2g}")
    return table
