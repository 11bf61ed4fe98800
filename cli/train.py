"""`hef train`: a SEM of one's own, from conversations with an emotion label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .errors import STOPPED, Failure, Misuse

if TYPE_CHECKING:
    from ..sem.training.loop import Progress, Run
    from ..sem.training.recipe import Recipe

_RECIPE = "Recipe"

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        dir_okay=False,
        help="JSON lines of conversations, .gz or not.  \\[default: empathetic_dialogues/train.jsonl.gz in HEF_DATA]",
        metavar="FILE",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option("--out", "-o", file_okay=False, help="Run folder; an unfinished run in it goes on.", metavar="FOLDER"),
]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export", file_okay=False, help="Write the finished SEM here, as int8 ONNX.", metavar="FOLDER"),
]
BackboneOption = Annotated[
    str | None,
    typer.Option("--backbone", help="Another encoder: hub id or folder.", metavar="NAME", rich_help_panel=_RECIPE),
]
PassesOption = Annotated[
    int | None,
    typer.Option("--passes", min=1, help="Passes over the conversations.", metavar="N", rich_help_panel=_RECIPE),
]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Samples a step.", metavar="N", rich_help_panel=_RECIPE)
]
RateOption = Annotated[
    float | None, typer.Option("--learning-rate", help="Highest learning rate.", metavar="X", rich_help_panel=_RECIPE)
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Of shuffling and dropout.", metavar="N", rich_help_panel=_RECIPE)
]


def train(
    out: OutOption,
    data: DataOption = None,
    export: ExportOption = None,
    backbone: BackboneOption = None,
    passes: PassesOption = None,
    batch_size: BatchOption = None,
    learning_rate: RateOption = None,
    seed: SeedOption = None,
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Train a SEM on conversations with an emotion label.

    Needs the extra `train` only for --export. The same command goes on where an earlier one stopped.
    """
    from .settings import settings

    chosen = settings(threads=threads)
    source = data or (chosen.data and chosen.data / "empathetic_dialogues" / "train.jsonl.gz")
    if source is None:
        raise Misuse("there is no data; give --data FILE, or set HEF_DATA to the folder with empathetic_dialogues/")
    changed = {
        "backbone": backbone,
        "passes": passes,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    run, broken = _prepare(source, out, _recipe(changed), chosen.threads)
    done = _train(run)
    if export:
        from ..sem.training.export import export_sem

        export_sem(run, export)
    result: dict[str, Any] = {
        "run": str(out),
        "conversations": len(run.conversations),
        "broken": broken,
        **done,
        "export": str(export) if export else None,
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _show(result)


def _recipe(changed: dict[str, Any]) -> Recipe:
    from pydantic import ValidationError

    from ..sem.training.recipe import Recipe

    given = {key: value for key, value in changed.items() if value is not None}
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise Misuse(
            f"--{str(first['loc'][0]).replace('_', '-')} is {first['input']!r}: {first['msg'].lower()}"
        ) from None


def _prepare(source: Path, out: Path, recipe: Recipe, threads: int | None) -> tuple[Run, int]:
    """Read the data, name its broken rows on stderr, and open the run."""
    import torch

    from ..sem import EMPATHETIC_DIALOGUES as taxonomy
    from ..sem.training.data import read_conversations
    from ..sem.training.loop import Run

    if threads:
        torch.set_num_threads(threads)
    if not source.is_file():
        raise Failure(f"there is no file {source}; give JSON lines of conversations, gzipped or not")
    conversations, broken = read_conversations(source)
    broken += [
        f"{source.name}: {c.conv_id}: unknown emotion {c.emotion!r}" for c in conversations if c.emotion not in taxonomy
    ]
    known = [c for c in conversations if c.emotion in taxonomy]
    name_broken(broken)
    if len(known) < 2:
        raise Failure(f"{source} holds {len(known)} conversations that can be read; at least 2 are needed")
    _keep_recipe(out, recipe)
    return Run(out, recipe, taxonomy, known), len(broken)


def _keep_recipe(out: Path, recipe: Recipe) -> None:
    """Write the recipe into the run folder, or compare it with the one the run began with."""
    kept = out / "recipe.json"
    if not kept.exists():
        out.mkdir(parents=True, exist_ok=True)
        kept.write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return
    began, now = json.loads(kept.read_text(encoding="utf-8")), recipe.model_dump(mode="json")
    changed = [f"{name} {began.get(name)} -> {value}" for name, value in now.items() if began.get(name) != value]
    if changed:
        raise Failure(
            f"the run in {out} began with another recipe ({', '.join(changed)}); use the same options, or another --out"
        )


def name_broken(broken: list[str], shown: int = 10) -> None:
    """Count the rows that were left out, and name the first ones, on stderr."""
    if broken:
        typer.echo(f"left out {len(broken)} row{'s' * (len(broken) > 1)}:", err=True)
    for line in broken[:shown]:
        typer.echo(f"  {line}", err=True)
    if len(broken) > shown:
        typer.echo(f"  and {len(broken) - shown} more", err=True)


def _train(run: Run) -> dict[str, Any]:
    """Train to the end; return what was reached."""
    from .progress import advancing

    last: Progress | None = None

    def follow(progress: Progress) -> None:
        nonlocal last
        last = progress
        rate = progress.samples_per_second
        advance(f"loss {progress.loss:.3f}, {rate:.0f} samples/s", progress.step, progress.steps)

    run.report = follow
    try:
        with advancing() as advance:
            network = run.train()
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on from the last checkpoint in {run.folder}", err=True)
        raise typer.Exit(STOPPED) from None
    figures = {name: round(value, 4) for name, value in run.measure(network).items()}
    return {"steps": last.steps if last else None, "held_out": figures}


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console

    from .show import field

    console = Console(highlight=False)
    console.print()
    field(console, "run", result["run"])
    field(console, "data", f"{result['conversations']:,} conversations, {result['broken']} rows left out")
    field(console, "held out", "   ".join(f"{name} {value:.1%}" for name, value in result["held_out"].items()))
    if result["export"]:
        field(console, "exported", result["export"])
    console.print()
