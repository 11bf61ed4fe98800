"""Training of the risk head on features that the shipped SEM computes once, and its export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...contract.progress import Progress, ignore_progress, map_batches
from ...safety.findings import LEVELS
from ...safety.risk_head import FINGERPRINT, HEAD_TOKENS, HEAD_TURNS, OUTPUTS, mean_features
from ...safety.risk_model import KINDS
from ...sem.runtime.manifest import FEATURES
from ...sem.runtime.onnx_sem import OnnxSem
from ..sem.turn_head.head_training import HeadRecipe, export_head, restore_sem, train_head
from ..sem.turn_head.token_features import TokenFeatures, open_features, stack, to_token_features
from .risk_network import RiskNetwork
from .risk_samples import RiskSample, result_kind


class RiskHeadRecipe(HeadRecipe):
    """How the head is trained."""

    passes: float = Field(default=2.0, gt=0, description="Passes over all samples")
    rate: float = Field(default=3e-4, gt=0, description="Highest rate of the layers")
    most_tokens: int = Field(
        default=HEAD_TOKENS, ge=16, description="Tokens of a sample; what lies further back is cut"
    )
    label_smoothing: float = Field(default=0.03, ge=0, lt=1, description="Share of the target for the other levels")
    kind_weight: float = Field(default=0.2, ge=0, description="What the kind of a risk counts beside its level")


class RiskExample(NamedTuple):
    """A sample as the head reads it."""

    sample: RiskSample
    features: TokenFeatures


def read_examples(
    folder: Path, samples: Sequence[RiskSample], progress: Progress = ignore_progress
) -> list[RiskExample]:
    """Return what a SEM computes for each sample.

    Args:
        folder: The SEM's folder.
        samples: What to read: each one's last turns.
        progress: Called after each batch.
    """
    runner = open_features(folder, HEAD_TOKENS)

    def read(batch: Sequence[RiskSample]) -> list[RiskExample]:
        encoded = runner.encode([sample.turns[-HEAD_TURNS:] for sample in batch])
        (values,) = runner.run(encoded, FEATURES)
        return [RiskExample(*one) for one in zip(batch, to_token_features(encoded, values), strict=True)]

    return map_batches(read, samples, task="reading", progress=progress)


def new_risk_network(folder: Path) -> RiskNetwork:
    """Return an untrained network over a SEM."""
    return RiskNetwork(*restore_sem(folder))


def train_risk_head(
    network: RiskNetwork,
    examples: Sequence[RiskExample],
    recipe: RiskHeadRecipe,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> RiskNetwork:
    """Train the network, which is changed; `report` is called after each step with its number, how many, the loss."""

    def loss(batch: Sequence[int]) -> Tensor:
        return risk_loss(network, [examples[index] for index in batch], recipe)

    layers = [*network.reader.layers.parameters()]
    train_head(network, layers, [one.features for one in examples], loss, recipe, report)
    return network


def risk_loss(network: RiskNetwork, examples: Sequence[RiskExample], recipe: RiskHeadRecipe) -> Tensor:
    """Return the loss of a batch: of the levels, and of the kinds where a risk has one."""
    samples = [one.sample for one in examples]
    outputs = network(*stack([one.features for one in examples], recipe.most_tokens))
    levels = torch.tensor([LEVELS.index(sample.level) for sample in samples])
    weights = torch.tensor([sample.weight for sample in samples])
    smoothing = recipe.label_smoothing
    by_level = functional.cross_entropy(outputs.levels, levels, reduction="none", label_smoothing=smoothing)
    kinds = [result_kind(sample.kind) if sample.level != "none" else "" for sample in samples]
    named = [row for row, kind in enumerate(kinds) if kind]
    targets = torch.tensor([KINDS.index(kinds[row]) for row in named], dtype=torch.int64)
    by_kind = functional.cross_entropy(outputs.kinds[named], targets, reduction="sum") / len(examples)
    return (by_level * weights).mean() + recipe.kind_weight * by_kind


def export_risk_head(network: RiskNetwork, sem: OnnxSem, target: Path, examples: Sequence[RiskExample]) -> None:
    """Write a trained network as int8, with the mark of the SEM that it was trained on.

    Args:
        network: The trained network.
        sem: The SEM.
        target: The `.onnx` file.
        examples: Dialogues, of some of which the ranges of the activations are measured.
    """
    import onnx

    export_head(network, network.reader, target, OUTPUTS, [one.features for one in examples])
    model = onnx.load(str(target))
    onnx.helper.set_model_props(model, {FINGERPRINT: json.dumps([round(float(one), 4) for one in mean_features(sem)])})
    onnx.save(model, str(target))
