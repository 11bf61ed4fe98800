"""Training of the head on features that the SEM computes once, with the SEM's own reading as teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ....contract.progress import Progress, ignore_progress, map_batches
from ....sem.runtime.manifest import FEATURES, Manifest
from .head_training import HeadRecipe, train_head
from .token_features import TokenFeatures, open_features, stack, to_token_features
from .turn_head import TurnHead
from .turn_samples import TurnSample


class LossWeights(NamedTuple):
    """What the parts of the loss count for a sample."""

    label: float
    teacher: float
    neutral: float
    topic: float


class TurnRecipe(HeadRecipe):
    """How the head is trained."""

    also_right: float = Field(default=0.3, ge=0, lt=1, description="Share of the target for further right labels")


class TurnExample(NamedTuple):
    """A sample as the head reads it."""

    sample: TurnSample
    features: TokenFeatures
    teacher: NDArray[np.float32]
    """The SEM's logits of the turns about the last one's subject alone, [labels]; 0 where they teach nothing."""


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
    runner = open_features(folder, max_tokens)
    manifest = Manifest.load(folder)
    logits, labels = "logits" if manifest.topic is None else "trunk_logits", len(manifest.labels)

    def read(batch: Sequence[TurnSample]) -> list[TurnExample]:
        encoded = runner.encode([sample.turns for sample in batch])
        (values,) = runner.run(encoded, FEATURES)
        taught = [row for row, sample in enumerate(batch) if loss_weights(sample).teacher]
        topics = [batch[row].turns[batch[row].topic_begins :] for row in taught]
        teacher = np.zeros((len(batch), labels), dtype=np.float32)
        if taught:
            teacher[taught] = runner.run(runner.encode(topics), logits)[0]
        features = to_token_features(encoded, values)
        return [TurnExample(*one) for one in zip(batch, features, teacher, strict=True)]

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
    trained_before = [*head.reader.layers.parameters(), *head.classifier.parameters()]

    def loss(batch: Sequence[int]) -> Tensor:
        return turn_loss(head, [examples[index] for index in batch], labels, recipe)

    train_head(head, trained_before, [one.features for one in examples], loss, recipe, report)
    return head


def turn_loss(head: TurnHead, examples: Sequence[TurnExample], labels: Sequence[str], recipe: TurnRecipe) -> Tensor:
    """Return the loss of a batch: labels, the teacher's reading, neutrality, and which turns share the topic."""
    outputs = head(*stack([one.features for one in examples], recipe.most_tokens))
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
        turns = _token_turns(one.features, most_tokens)
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


def _token_turns(features: TokenFeatures, most_tokens: int) -> NDArray[np.int64]:
    """Return the turn of each token of the window, special tokens counting to the turn before; -1 before the first."""
    turns, last = [], -1
    for offset in features.encoded.offsets:
        last = offset[0] if offset else last
        turns.append(last)
    return np.array(turns, dtype=np.int64)[features.window(most_tokens)]
