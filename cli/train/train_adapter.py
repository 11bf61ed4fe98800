"""`hef train adapter`: the LoRA adapter of the embedded LLM."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from ..options import Json, SemOptions, option
from ..settings import load_settings
from .training_run import RecipeOptions, RunOptions, load_conversations, print_result, train_to_end

if TYPE_CHECKING:
    from ...training.adapter.adapter_loss import AdapterMetrics
    from ...training.adapter.adapter_training import AdapterRun
    from ..settings import Settings

MEASURED_TURNS = 600
"""Listener turns that the finished adapter is measured on."""


@dataclass(frozen=True, slots=True)
class AdapterRecipeOptions(RecipeOptions):
    """Settings that override the recipe."""

    start: Annotated[Path | None, option("Folder of an exported adapter to continue.", metavar="FOLDER")] = None


Export = Annotated[Path | None, option("Write the finished adapter here.", metavar="FOLDER")]


def train_adapter(
    files: RunOptions, recipe: AdapterRecipeOptions, models: SemOptions, export: Export = None, as_json: Json = False
) -> None:
    """Train the LoRA adapter of the embedded LLM.

    It learns to judge the emotion among those that the SEM proposes, and to reply. Needs the extra `train`. The same
    command resumes a run that was stopped.
    """
    settings = load_settings(models)
    source = files.source(settings)
    from ...sem import EMPATHETIC_DIALOGUES
    from ...training.adapter.adapter_recipe import AdapterRecipe
    from ...training.adapter.lora import write_adapter

    labels = EMPATHETIC_DIALOGUES.labels
    settled = recipe.change(AdapterRecipe(), start=str(recipe.start) if recipe.start else None)
    conversations, skipped = load_conversations(source, labels)
    run = _open_run(files.run, settled, conversations, settings)
    model, _ = train_to_end(run, lambda progress: f"{progress.rate:.0f} tokens/s")
    figures = {"held_out": run.measure(limit=MEASURED_TURNS)}
    if files.valid:
        figures["valid"] = run.measure(load_conversations(files.valid, labels)[0], limit=MEASURED_TURNS)
    if export:
        write_adapter(model, export)
    result = {
        "run": str(files.run),
        "conversations": len(conversations),
        "broken": skipped,
        **{name: asdict(values) for name, values in figures.items()},
        "export": str(export) if export else None,
    }
    print_result(result, {name: _line(values) for name, values in figures.items()}, as_json=as_json)


def _open_run(folder: Path, recipe: Any, conversations: list[Any], settings: Settings) -> AdapterRun:
    """Load the embedded LLM without its adapter, and the SEM, and open the run."""
    import torch

    from ...llm.weights.embedded_weights import PLAIN
    from ...llm.weights.loading import load_on_torch
    from ...sem import resolve_sem
    from ...training.adapter.adapter_training import AdapterRun

    if settings.threads:
        torch.set_num_threads(settings.threads)
    network = load_on_torch(PLAIN, precision="bfloat16")
    return AdapterRun(folder, recipe, network.model, network.tokenizer, resolve_sem(settings.sem), conversations)


def _line(figures: AdapterMetrics) -> str:
    return (
        f"{figures.turns} turns   top1 {figures.top1:.1%}   top5 {figures.top5:.1%}   "
        f"perplexity {figures.perplexity:.1f} per token, {figures.word_perplexity:.1f} per word"
    )
