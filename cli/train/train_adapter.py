"""`hef train --recipe adapter`: the LoRA adapter of the embedded LLM."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..error_messages import STOPPED
from ..settings import Settings
from .train_sem import changed_recipe, conversations_of

if TYPE_CHECKING:
    from ...training.adapter.adapter_metrics import AdapterFigures
    from ...training.adapter.adapter_training import AdapterRun, Progress

MEASURED = 600
"""Listener turns that the finished adapter is measured on."""


def train_adapter(
    source: Path,
    valid: Path | None,
    out: Path,
    export: Path | None,
    changed: dict[str, Any],
    settings: Settings,
    *,
    as_json: bool,
) -> None:
    """Train the adapter to its end, measure it, and write it where it is wanted."""
    from ...sem import EMPATHETIC_DIALOGUES as taxonomy
    from ...training.adapter.adapter_recipe import AdapterRecipe
    from ...training.adapter.lora import write_adapter

    recipe = changed_recipe(AdapterRecipe(), changed)
    conversations, broken = conversations_of(source, taxonomy)
    run = _run(out, recipe, conversations, settings)
    model = _train(run)
    figures = {"held_out": run.measure(limit=MEASURED)}
    if valid:
        figures["valid"] = run.measure(conversations_of(valid, taxonomy)[0], limit=MEASURED)
    if export:
        write_adapter(model, export)
    result = {
        "run": str(out),
        "conversations": len(conversations),
        "broken": broken,
        **{on: asdict(held) for on, held in figures.items()},
        "export": str(export) if export else None,
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _show(result, figures)


def _run(out: Path, recipe: Any, conversations: list[Any], settings: Settings) -> AdapterRun:
    """Load the plain embedded LLM and the SEM, and open the run."""
    import torch

    from ...llm.weights.embedded_weights import PLAIN
    from ...llm.weights.loading import load_on_torch
    from ...sem import resolve_sem
    from ...training.adapter.adapter_training import AdapterRun

    if settings.threads:
        torch.set_num_threads(settings.threads)
    network = load_on_torch(PLAIN, precision="bfloat16")
    return AdapterRun(out, recipe, network.model, network.tokenizer, resolve_sem(settings.sem), conversations)


def _train(run: AdapterRun) -> Any:
    from ..progress_bars import advancing

    def follow(progress: Progress) -> None:
        advance(f"loss {progress.loss:.3f}, {progress.tokens_per_second:.0f} tokens/s", progress.step, progress.steps)

    run.report = follow
    try:
        with advancing() as advance:
            return run.train()
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on from the last checkpoint in {run.folder}", err=True)
        raise typer.Exit(STOPPED) from None


def _show(result: dict[str, Any], figures: dict[str, AdapterFigures]) -> None:
    from rich.console import Console

    from ..render import field

    console = Console(highlight=False)
    console.print()
    field(console, "run", result["run"])
    field(console, "data", f"{result['conversations']:,} conversations, {result['broken']} rows left out")
    for name, held in figures.items():
        field(
            console,
            name.replace("_", " "),
            f"{held.turns} turns   top1 {held.top1:.1%}   top5 {held.top5:.1%}   "
            f"perplexity {held.perplexity:.1f} a token, {held.word_perplexity:.1f} a word",
        )
    if result["export"]:
        field(console, "exported", result["export"])
    console.print()
