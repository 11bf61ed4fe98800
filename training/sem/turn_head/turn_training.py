"""Training of the head on features that the SEM computes once, with the SEM's own reading as teacher."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from ....contract.progress import Progress, ignore_progress, map_batches
from ....sem.runtime.encoding import Encoded
from ....sem.runtime.manifest import NETWORK, TOKENIZER, Manifest
from ....sem.runtime.onnx_sem import OnnxRunner
from ..chinese.onnx_extension import extend_network
from .turn_head import TurnHead
from .turn_samples import TurnSample

FEATURES = "layer_norm_8"
"""Value of an exported network that the head reads: the tokens' features below the upper two of six layers."""


class LossWeights(NamedTuple):
    """What the parts of the loss count for a sample."""

    label: float
    teacher: float
    neutral: float
    topic: float


class TurnRecipe(BaseModel):
    """How the head is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passes: float = Field(default=1.6, gt=0, description="Passes over all samples")
    rate: float = Field(default=1e-4, gt=0, description="Highest rate of the layers and the classifier")
    head_rate: float = Field(default=1e-3, gt=0, description="Highest rate of what is new")
    warm_up: float = Field(default=0.06, gt=0, lt=1, description="Share of the steps in which the rates rise")
    batch_tokens: int = Field(default=1400, ge=64, description="Tokens of a step, with padding")
    most_tokens: int = Field(default=176, ge=16, description="Tokens of a sample; what lies further back is cut")
    also_right: float = Field(default=0.3, ge=0, lt=1, description="Share of the target for further right labels")
    seed: int = 0


class TurnExample(NamedTuple):
    """A sample as the head reads it."""

    sample: TurnSample
    features: NDArray[np.float16]
    """[tokens, width]"""
    encoded: Encoded
    teacher: NDArray[np.float32]
    """The SEM's logits of the turns about the last one's subject alone, [labels]."""


def loss_weights(sample: TurnSample) -> LossWeights:
    """Return what a sample teaches: chats their labels, conversations in English what the SEM reads in them, too."""
    is_felt = sample.emotion != ""
    if sample.source == "chat":
        return LossWeights(1.6 if is_felt else 0.0, 0.0, 1.5, 0.7)
    if sample.source == "single":
        return LossWeights(0.0, 0.0, 0.5, 0.0)
    if not is_felt:
        return LossWeights(0.0, 0.0, 1.0, 0.5)
    return LossWeights(0.4, 0.7, 0.6, 0.5) if sample.language == "en" else LossWeights(0.7, 0.4, 0.6, 0.5)


def read_examples(
    folder: Path, samples: Sequence[TurnSample], max_tokens: int, progress: Progress = ignore_progress
) -> list[TurnExample]:
    """Return what a SEM computes for each sample; of one that has a head, what it reads without it.

    Args:
        folder: The SEM's folder.
        samples: What to read.
        max_tokens: The window; what lies further back is cut.
        progress: Called after each batch.
    """
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(folder / TOKENIZER, Path(scratch, TOKENIZER))
        extend_network(folder / NETWORK, Path(scratch, NETWORK), exposed={"features": FEATURES})
        runner = OnnxRunner(Path(scratch), max_tokens)
    logits = "logits" if Manifest.load(folder).topic is None else "trunk_logits"

    def read(batch: Sequence[TurnSample]) -> list[TurnExample]:
        encoded = runner.encode([sample.turns for sample in batch])
        (features,) = runner.run(encoded, "features")
        (teacher,) = runner.run(runner.encode([sample.turns[sample.topic_begins :] for sample in batch]), logits)
        return [
            TurnExample(sample, feature[: len(one.ids)].astype(np.float16), one, reading)
            for sample, feature, one, reading in zip(batch, features, encoded, teacher, strict=True)
        ]

    return map_batches(read, samples, task="reading", progress=progress)


def train_turn_head(
    head: TurnHead,
    examples: Sequence[TurnExample],
    labels: Sequence[str],
    recipe: TurnRecipe,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> TurnHead:
    """Train the head.

    Args:
        head: The head at its beginning; it is changed.
        examples: From `read_examples`.
        labels: The SEM's labels, in the order of its logits.
        recipe: Settings.
        report: Called after each step with its number, how many there are, and the loss.
    """
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    old = [*head.layers.parameters(), *head.classifier.parameters()]
    known = {id(parameter) for parameter in old}
    new = [parameter for parameter in head.parameters() if id(parameter) not in known]
    rates = [recipe.rate, recipe.head_rate]
    groups = [{"params": old, "lr": rates[0]}, {"params": new, "lr": rates[1]}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    batches: list[list[int]] = []
    for _ in range(int(np.ceil(recipe.passes))):
        batches += _draw_batches(examples, recipe, rng)
    steps = max(2, int(len(batches) * recipe.passes / np.ceil(recipe.passes)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=recipe.warm_up)
    head.train()
    for step, batch in enumerate(batches[:steps]):
        loss = turn_loss(head, [examples[index] for index in batch], labels, recipe)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step + 1, steps, float(loss.detach()))
    return head.eval()


def turn_loss(head: TurnHead, examples: Sequence[TurnExample], labels: Sequence[str], recipe: TurnRecipe) -> Tensor:
    """Return the loss of a batch: labels, the teacher's reading, neutrality, and which turns share the topic."""
    features, ids, mask = _stack(examples, recipe.most_tokens)
    outputs = head(features, ids, mask)
    log_probabilities = outputs.logits.log_softmax(-1)
    targets = torch.from_numpy(np.stack([_target(one.sample, labels, recipe.also_right) for one in examples]))
    teacher = torch.from_numpy(np.stack([one.teacher for one in examples])).softmax(-1)
    weights = torch.tensor([loss_weights(one.sample) for one in examples])
    parts = torch.stack(
        [
            -(targets * log_probabilities).sum(-1),
            (teacher * (teacher.clamp(min=1e-6).log() - log_probabilities)).sum(-1),
            functional.binary_cross_entropy_with_logits(
                outputs.neutral, torch.tensor([float(one.sample.emotion == "") for one in examples]), reduction="none"
            ),
            _topic_losses(outputs.topic, examples, recipe.most_tokens),
        ],
        dim=1,
    )
    return (parts * weights).sum(-1).mean()


def _topic_losses(scores: Tensor, examples: Sequence[TurnExample], most_tokens: int) -> Tensor:
    """Return the loss of each dialogue's earlier turns, each by the mean score of its tokens."""
    losses: list[Tensor] = []
    for row, one in enumerate(examples):
        _, _, turns = _window(one, most_tokens)
        earlier = range(len(one.sample.turns) - 1)
        tokens = {turn: np.flatnonzero(turns == turn) for turn in earlier}
        seen = [turn for turn in earlier if len(tokens[turn])]
        if not seen:
            losses.append(scores.new_zeros(()))
            continue
        means = torch.stack([scores[row, torch.from_numpy(tokens[turn])].mean() for turn in seen])
        targets = torch.tensor([float(one.sample.same_topic[turn]) for turn in seen])
        summed = functional.binary_cross_entropy_with_logits(means, targets, reduction="sum")
        losses.append(summed / np.sqrt(len(earlier)))
    return torch.stack(losses)


def _target(sample: TurnSample, labels: Sequence[str], also_share: float) -> NDArray[np.float32]:
    target = np.zeros(len(labels), dtype=np.float32)
    if not sample.emotion:
        return target
    also = [label for label in sample.also_right if label in labels and label != sample.emotion]
    target[labels.index(sample.emotion)] = 1 - also_share if also else 1
    for label in also:
        target[labels.index(label)] += also_share / len(also)
    return target


def _window(example: TurnExample, most_tokens: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return features, ids and turns of the first token and the last ones."""
    turns, last = [], -1
    for offset in example.encoded.offsets:
        last = offset[0] if offset else last
        turns.append(last)
    count = len(turns)
    kept = np.arange(count) if count <= most_tokens else np.r_[0, np.arange(count - most_tokens + 1, count)]
    return example.features[kept], np.array(example.encoded.ids)[kept], np.array(turns)[kept]


def _stack(examples: Sequence[TurnExample], most_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    windows = [_window(one, most_tokens) for one in examples]
    width = -(-max(len(ids) for _, ids, _ in windows) // 8) * 8
    features = np.zeros((len(windows), width, windows[0][0].shape[1]), dtype=np.float32)
    ids, mask = (np.zeros((len(windows), width), dtype=np.int64) for _ in range(2))
    for row, (values, numbers, _) in enumerate(windows):
        features[row, : len(numbers)] = values
        ids[row, : len(numbers)] = numbers
        mask[row, : len(numbers)] = 1
    return torch.from_numpy(features), torch.from_numpy(ids), torch.from_numpy(mask)


def _draw_batches(examples: Sequence[TurnExample], recipe: TurnRecipe, rng: random.Random) -> list[list[int]]:
    """Return batches of about equal length, in random order."""
    lengths = [min(len(one.encoded.ids), recipe.most_tokens) for one in examples]
    order = sorted(range(len(examples)), key=lambda index: lengths[index] + rng.random() * 24)
    batches: list[list[int]] = [[]]
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if batches[-1] and longest * (len(batches[-1]) + 1) > recipe.batch_tokens:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    rng.shuffle(batches)
    return batches
