"""`hef bench`: how fast it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options
from ..report_output import AgainstOption, JsonOption, SeedOption, emit_report, report_skipped_rows
from .bench_memory import memory
from .bench_serving import serve

bench = typer.Typer(no_args_is_help=True, help="Measure speed and memory.")
bench.command("memory")(memory)
bench.command("serve")(serve)

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        dir_okay=False,
        help="Read the contexts of these conversations at once, instead of built-in ones.",
        metavar="FILE",
    ),
]
CountOption = Annotated[
    int, typer.Option("--dialogues", min=1, help="How many dialogues are read at once.", metavar="N")
]
RepeatsOption = Annotated[int, typer.Option("--repeats", min=1, help="How often each is timed.", metavar="N")]

TokensOption = Annotated[
    int, typer.Option("--tokens", min=2, help="Tokens of a reply; a local LLM is held to it.", metavar="N")
]
TurnRepeatsOption = Annotated[
    int, typer.Option("--repeats", min=1, help="How many dialogues of each length.", metavar="N")
]


@bench.command("sem")
def bench_sem(
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    data: DataOption = None,
    against: AgainstOption = None,
    dialogues: CountOption = 256,
    repeats: RepeatsOption = 50,
    seed: SeedOption = 0,
    out: JsonOption = None,
) -> None:
    """Time a SEM: loading it, one dialogue, one dialogue with its cause words, and many at once.

    With --against, a PyTorch encoder of the same shape is timed in turns with it: encoding alone, no cause words.
    """
    from ..settings import settings

    chosen = settings(sem=sem, threads=threads)
    from ...bench.sem_speed import machine, measure_speed
    from ...bench.synthetic_dialogues import contexts, middling
    from ...evaluation import read_samples, subsample
    from ...sem import resolve_sem
    from ..progress_bars import advancing
    from ..tables import speed_table

    reader, several = resolve_sem(chosen.sem), contexts(dialogues)
    broken: list[str] = []
    if data:
        samples, broken = read_samples(data, reader.description.taxonomy.labels)
        report_skipped_rows(broken)
        several = [sample.turns for sample in subsample(samples, dialogues, seed)]
    encoder = None
    if against:
        from ...bench.baseline_encoder import PlainEncoder

        encoder = PlainEncoder(against, threads=chosen.threads)
    with advancing() as advance:
        reports = measure_speed(
            reader,
            middling(320),
            several,
            spec=chosen.sem,
            encoder=encoder,
            against=against or "",
            repeats=repeats,
            report=advance,
        )
    held = {"machine": machine(chosen.threads), "seed": seed, "broken": len(broken)}
    emit_report("speed", data, reports, held, out, [speed_table(reports, chosen.threads)])


@bench.command("turn")
def bench_turn(
    model: options.ModelOption = None,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    strategy: options.StrategyOption = "two_stage",
    tokens: TokensOption = 40,
    repeats: TurnRepeatsOption = 3,
    out: JsonOption = None,
) -> None:
    """Time a HEF turn beside a plain reply of the same LLM with as many tokens, in turns, in one run.

    Built-in dialogues of one, three and five turns. Prints the ratio, time to the first token, LLM calls, and the
    prompt tokens that were given and computed, with and without the caches of a local LLM. No memory takes part.
    """
    from ..settings import settings

    chosen = settings(sem=sem, model=model, threads=threads)
    from ...bench.sem_speed import machine
    from ...bench.turn_speed import measure_turns
    from ...contract import HefContext
    from ...llm import resolve_model
    from ...sem import resolve_sem
    from ..progress_bars import advancing
    from ..reply_tables import turn_table

    with advancing() as advance:
        report = measure_turns(
            resolve_model(chosen.model),
            resolve_sem(chosen.sem),
            tokens=tokens,
            repeats=repeats,
            settings=HefContext(strategy=strategy),
            prompts=chosen.prompts,
            fit=chosen.fit,
            report=advance,
        )
    held = {"machine": machine(chosen.threads), "strategy": strategy, "repeats": repeats}
    emit_report("turn", None, [report], held, out, [turn_table(report)])
