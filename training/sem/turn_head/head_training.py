"""What heads over a SEM's features share: settings, the training, and the export as int8."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from tokenizers import Tokenizer
from torch import Tensor, nn

from ....sem.runtime.encoding import DialogueEncoder
from ....sem.runtime.manifest import FEATURES, NETWORK, TOKENIZER
from ..chinese.restored_sem import RestoredSem
from ..onnx_export import silence_exporters, to_onnx
from ..quantisation import quantise
from .last_turn_layers import LastTurnLayers
from .token_features import TokenFeatures, draw_batches

RANGE_DIALOGUES = 300
"""Dialogues on which the ranges of a quantised head are measured."""


class HeadRecipe(BaseModel):
    """How a head is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passes: float = Field(default=1.6, gt=0, description="Passes over all samples")
    rate: float = Field(default=1e-4, gt=0, description="Highest rate of what was trained before")
    head_rate: float = Field(default=1e-3, gt=0, description="Highest rate of what is new")
    warm_up: float = Field(default=0.06, gt=0, lt=1, description="Share of the steps in which the rates rise")
    batch_tokens: int = Field(default=1400, ge=64, description="Tokens of a step, with padding")
    most_tokens: int = Field(default=176, ge=16, description="Tokens of a sample; what lies further back is cut")
    seed: int = 0


def restore_sem(folder: Path) -> tuple[RestoredSem, int]:
    """Return a SEM in full precision, and the id of its token after each turn."""
    encoder = DialogueEncoder(Tokenizer.from_file(str(folder / TOKENIZER)))
    return RestoredSem(folder / NETWORK), encoder.end


def train_head(
    head: nn.Module,
    trained_before: Sequence[nn.Parameter],
    features: Sequence[TokenFeatures],
    loss: Callable[[Sequence[int]], Tensor],
    recipe: HeadRecipe,
    report: Callable[[int, int, float], None],
) -> None:
    """Train a head with AdamW, its rates rising and falling once (Smith, 2018), and clipped gradients.

    Args:
        head: What is trained; it is changed, and in evaluation mode afterwards.
        trained_before: Its parameters with the lower rate.
        features: Of all samples.
        loss: From the indices of a batch to its loss.
        recipe: Settings.
        report: Called after each step with its number, how many there are, and the loss.
    """
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    batches = draw_batches(features, recipe.passes, recipe.batch_tokens, recipe.most_tokens, rng)
    known = {id(parameter) for parameter in trained_before}
    new = [parameter for parameter in head.parameters() if id(parameter) not in known]
    rates = [recipe.rate, recipe.head_rate]
    groups = [{"params": list(trained_before), "lr": rates[0]}, {"params": new, "lr": rates[1]}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=len(batches), pct_start=recipe.warm_up)
    head.train()
    for step, batch in enumerate(batches):
        value = loss(batch)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step + 1, len(batches), float(value.detach()))
    head.eval()


def export_head(
    head: nn.Module, reader: LastTurnLayers, target: Path, outputs: Sequence[str], features: Sequence[TokenFeatures]
) -> None:
    """Write a trained head as an int8 network that reads `features`, `input_ids` and `attention_mask`.

    Args:
        head: The head.
        reader: Its layers.
        target: The `.onnx` file.
        outputs: Names of its outputs.
        features: Dialogues, on some of which the ranges of the activations are measured.
    """
    for layer in reader.layers:
        layer.attention.self.config._attn_implementation = "eager"  # type: ignore[union-attr]
    ids = torch.ones(2, 16, dtype=torch.long)
    example = {
        FEATURES: torch.zeros(2, 16, reader.width),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
    }
    inputs = [one.inputs() for one in features[:: max(1, len(features) // RANGE_DIALOGUES)]]
    with tempfile.TemporaryDirectory() as scratch, silence_exporters():
        to_onnx(head.cpu().eval(), float32 := Path(scratch, "float32.onnx"), example, outputs)
        quantise(float32, target, inputs)
