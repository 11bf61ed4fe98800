"""`hef bench sem`, `turn` and `first-token`: speed of a SEM, of a turn, and of `hef reply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from rich.text import Text

from ..options import Against, ModelOptions, OutputOptions, SemOptions, StrategyName, option
from ..output import advancing, emit_report, figure_table, report_skipped_rows
from ..render import ACCENT, FAINT
from ..settings import load_settings
from .bench_latency import LatencyOptions, latency

if TYPE_CHECKING:
    from ...bench.sem_speed import SpeedReport
    from ...bench.turn_speed import TurnReport

Data = Annotated[
    Path | None,
    option(
        "Read the contexts of these conversations at once, instead of built-in ones.", "--data", "-d", metavar="FILE"
    ),
]
Dialogues = Annotated[int, option("How many dialogues are read at once.", metavar="N", min=1)]
Repeats = Annotated[int, option("How often each is timed.", metavar="N", min=1)]
Seed = Annotated[int, option("Of the draw.", metavar="N")]
Tokens = Annotated[int, option("Tokens of a reply; a local LLM writes exactly as many.", metavar="N", min=2)]
DialoguesOfLength = Annotated[int, option("How many dialogues of each length.", metavar="N", min=1)]
Strategy = Annotated[StrategyName, option("How the emotion is decided.", panel="Emotion")]
Message = Annotated[str, option("The message that is replied to.", "--text", metavar="TEXT")]

_VARIANTS = {"plain": "LLM alone", "hef": "HEF", "hef_fresh": "HEF without caches"}


def sem(
    models: SemOptions,
    output: OutputOptions,
    data: Data = None,
    against: Against = None,
    dialogues: Dialogues = 256,
    repeats: Repeats = 50,
    seed: Seed = 0,
) -> None:
    """Time a SEM: loading, one dialogue, its cause words, many at once.

    With --against, a PyTorch encoder of the same shape is timed in turns with it: encoding alone, no cause words.
    """
    settings = load_settings(models)
    from ...bench.sem_speed import machine, measure_speed
    from ...bench.synthetic_dialogues import contexts, three_turn_contexts
    from ...data.conversations import read_samples, subsample
    from ...sem import resolve_sem

    reader, batch = resolve_sem(settings.sem), contexts(dialogues)
    skipped: list[str] = []
    if data:
        samples, skipped = read_samples(data, reader.description.taxonomy.labels)
        report_skipped_rows(skipped)
        batch = [sample.turns for sample in subsample(samples, dialogues, seed)]
    encoder = None
    if against:
        from ...bench.baseline_encoder import PlainEncoder

        encoder = PlainEncoder(against, threads=settings.threads)
    with advancing() as advance:
        reports = measure_speed(
            reader,
            three_turn_contexts(320),
            batch,
            spec=settings.sem,
            encoder=encoder,
            against=against or "",
            repeats=repeats,
            progress=advance,
        )
    details = {"machine": machine(settings.threads), "seed": seed, "broken": len(skipped)}
    emit_report("speed", data, reports, details, output, [_speed_table(reports, settings.threads)])


def turn(
    models: ModelOptions,
    output: OutputOptions,
    hosted: LatencyOptions,
    strategy: Strategy = "two_stage",
    tokens: Tokens = 40,
    repeats: DialoguesOfLength = 3,
) -> None:
    """Time a HEF turn beside a plain reply of the same LLM.

    Both have as many tokens and are timed in turns, in one run, on built-in dialogues of one, three and five turns.
    Prints the ratio, time to the first token, LLM calls, and prompt tokens in total and computed, with and
    without the caches of a local LLM. No memory takes part. With --latency the LLM is a stub of a hosted one, and
    replying beside the judgement is timed beside judging first.
    """
    settings = load_settings(models)
    if hosted.latency:
        latency(settings, hosted, output)
        return
    from ...bench.sem_speed import machine
    from ...bench.turn_speed import measure_turns
    from ...contract import HefContext
    from ...llm import resolve_model
    from ...sem import resolve_sem

    with advancing() as advance:
        report = measure_turns(
            resolve_model(settings.model),
            resolve_sem(settings.sem),
            tokens=tokens,
            repeats=repeats,
            settings=HefContext(strategy=strategy),
            prompts=settings.prompts,
            fit=settings.fit,
            progress=advance,
        )
    details = {"machine": machine(settings.threads), "strategy": strategy, "repeats": repeats}
    emit_report("turn", None, [report], details, output, [_turn_table(report)])


def first_token(
    output: OutputOptions, repeats: Repeats = 5, text: Message = "My best friend is moving abroad next week."
) -> None:
    """Time `hef reply` from its start to its first token.

    Each run is a process of its own, after one that is not counted; HEF_MODEL and the other settings count.
    """
    from statistics import median

    from ...bench.first_token import first_token as seconds_to_first_token
    from ...bench.sem_speed import machine

    with advancing() as advance:
        seconds = []
        for run in range(repeats + 1):
            seconds.append(seconds_to_first_token(text))
            advance("hef reply", run, repeats)
    timed = seconds[1:]
    figures = {"min": min(timed), "median": median(timed), "max": max(timed)}
    table = figure_table("Seconds from the start of `hef reply` to its first token", figures)
    table.add_row(*(f"{value:.2f}" for value in figures.values()))
    details = {"machine": machine(None), "repeats": repeats, "seconds": figures}
    emit_report("first token", None, [], details, output, [table])


def _speed_table(reports: Sequence[SpeedReport], threads: int | None) -> Table:
    """Return one row per model, with the unit of each column in its heading."""
    first = reports[0]
    table = figure_table(
        "Speed, medians" + (f"; {threads} threads" if threads else ""),
        ("", "load s", "memory MB", "one dialogue ms", "with causes ms", "many dialogues/s"),
        f"from a fresh process to the first answer, the imports' part in brackets; one dialogue of about 60 tokens, "
        f"{first.repeats} times; {first.dialogues} dialogues at once",
    )
    for report in reports:
        load = Text(f"{report.load.seconds:.2f}").append(f" ({report.load.import_seconds:.2f})", style=FAINT)
        memory = Text(f"{report.load.memory_mb:.0f}").append(f" ({report.load.import_mb:.0f})", style=FAINT)
        causes = f"{report.causes_ms:.1f}" if report.causes_ms else "–"
        cells = (load, memory, f"{report.one_ms:.1f}", causes, f"{report.dialogues_per_second:.0f}")
        table.add_row(report.name, *cells, style=f"bold {ACCENT}" if report is first else "")
    return table


def _turn_table(report: TurnReport) -> Table:
    """Return one row per variant, the ratio in the title."""
    ratio = report.ratio
    lengths = ", ".join(f"{ratio:.2f} after {turns}" for turns, ratio in report.by_length.items())
    nodes = ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in report.nodes.items())
    warning = "" if report.exact_length else "; warning: the replies differ in length"
    table = figure_table(
        f"A HEF turn takes {ratio.value:.2f} times a plain reply ({ratio.low:.2f} to {ratio.high:.2f})",
        ("", "seconds", "first token s", "tokens written", "LLM calls", "prompt tokens", "computed"),
        f"{report.model} + {report.sem}, {report.turns} dialogues, replies of {report.tokens} tokens{warning}; "
        f"medians, calls and prompt tokens are means; ratio by turns of the dialogue: {lengths}; "
        f"milliseconds by node: {nodes}",
    )
    for name, cost in report.variants.items():
        counts = (cost.completion_tokens, cost.calls, cost.prompt_tokens, cost.prefilled_tokens)
        cells = ["–" if count is None else f"{count:,.1f}".removesuffix(".0") for count in counts]
        style = f"bold {ACCENT}" if name == "hef" else ""
        table.add_row(_VARIANTS[name], f"{cost.seconds:.2f}", f"{cost.first_token:.2f}", *cells, style=style)
    return table
