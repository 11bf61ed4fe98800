"""The head for changes of topic: a linear map of token features whose cosines tell a cut, fitted on joined dialogues.

The map is fitted in closed form (linear discriminants, Fisher, 1936) on one part of the dialogues, and so is what tells
a turn that opens a topic; the logistic model of both on another part: maps trained by gradient descent learn a few
thousand dialogues by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...sem.runtime.topic_cut import LENGTHS, PARTS, Passages, TopicCut, passage_features

Array = NDArray[np.float32]
DIMENSIONS = 128
SHRINKAGE = 0.7
"""How much of the covariance within topics is replaced by a sphere."""


OPENING_DECAY = 1e-2


class CutExample(NamedTuple):
    """One dialogue: the passages around each of its cuts, and the turn that its current topic begins with."""

    passages: list[Passages]
    first_turn: int
    """0 where the topic does not change, or returns to an earlier one."""
    openings: tuple[bool, ...]
    """For each cut whether the turn behind it opens a topic, as the first turn of a conversation does."""


def fit_topic_head(examples: Sequence[CutExample], dimensions: int = DIMENSIONS) -> tuple[Array, Array]:
    """Return weights [width, dimensions + 1] and bias of the head: the map of topics, then what opens one.

    Args:
        examples: Dialogues with and without a change; `cut_passages` of their token features.
        dimensions: Number of discriminants, strongest first.
    """
    (topic, topic_bias), (opening, opening_bias) = fit_topic_map(examples, dimensions), fit_opening(examples)
    return np.column_stack([topic, opening]), np.append(topic_bias, opening_bias).astype(np.float32)


def fit_opening(examples: Sequence[CutExample]) -> tuple[Array, float]:
    """Return weights [width] and bias of the logistic model of turns that open a topic."""
    rows = np.stack([part.first_after for example in examples for part in example.passages])
    targets = torch.tensor([opens for example in examples for opens in example.openings], dtype=torch.float32)
    centre, scale = rows.mean(axis=0), 1 / float(rows.std())
    model = nn.Linear(rows.shape[1], 1)
    nn.init.zeros_(model.weight)
    points = torch.from_numpy((rows - centre) * scale)

    def loss() -> torch.Tensor:
        value = nn.functional.binary_cross_entropy_with_logits(model(points)[:, 0], targets)
        return value + OPENING_DECAY * (model.weight**2).sum()

    _minimise(model, loss)
    weights = np.asarray(model.weight.detach()[0].numpy() * scale, dtype=np.float32)
    return weights, float(model.bias.detach()) - float(centre @ weights)


def fit_topic_map(examples: Sequence[CutExample], dimensions: int = DIMENSIONS) -> tuple[Array, Array]:
    """Return weights [width, dimensions] and bias of the map that tells topics apart and ignores what varies in one.

    Args:
        examples: Dialogues with and without a change; `cut_passages` of their unmapped token features.
        dimensions: Number of discriminants, strongest first.
    """
    passages = [part for example in examples for part in example.passages]
    points = np.stack([row for part in passages for row in (part.exchange_before, part.all_after)]).astype(np.float64)
    within = np.stack([row for example in examples for row in _differences(example)]).astype(np.float64)
    centre = points.mean(axis=0)
    inner = within.T @ within / len(within)
    sphere = np.trace(inner) / len(inner) * np.eye(len(inner))
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * inner + SHRINKAGE * sphere)
    whitening = vectors / np.sqrt(values)
    spread = np.cov((points - centre).T)
    _, discriminants = np.linalg.eigh(whitening.T @ spread @ whitening)
    weights = whitening @ discriminants[:, ::-1][:, :dimensions]
    return weights.astype(np.float32), (-centre @ weights).astype(np.float32)


def fit_topic_cut(
    examples: Sequence[CutExample], weights: Array, bias: Array, *, threshold: float, slope: float
) -> TopicCut:
    """Return the logistic model of what the head says of passages.

    Args:
        examples: Dialogues that the map was not fitted on.
        weights: From `fit_topic_head`.
        bias: The same.
        threshold: See `TopicCut`.
        slope: See `TopicCut`.
    """
    examples = [example for example in examples if example.passages]
    most, size = max(len(example.passages) for example in examples), PARTS + LENGTHS + 1
    features, padding = torch.zeros(len(examples), most, size), torch.full((len(examples), most), -1e4)
    targets = torch.zeros(len(examples), dtype=torch.long)
    for row, example in enumerate(examples):
        cuts = [passage_features(map_passages(part, weights, bias), 1) for part in example.passages]
        features[row, : len(cuts)] = torch.from_numpy(np.stack(cuts))
        padding[row, : len(cuts)] = 0
        turns = [part.turn for part in example.passages]
        targets[row] = 1 + turns.index(example.first_turn) if example.first_turn in turns else 0
    model = nn.Linear(size, 1)
    nn.init.zeros_(model.weight)

    def loss() -> torch.Tensor:
        scores = torch.cat([torch.zeros(len(examples), 1), model(features)[..., 0] + padding], dim=1)
        return nn.functional.cross_entropy(scores, targets) + 1e-2 * (model.weight**2).mean()

    _minimise(model, loss)
    fitted = tuple(float(value) for value in model.weight.detach()[0])
    return TopicCut(heads=1, weights=fitted, bias=float(model.bias.detach()), threshold=threshold, slope=slope)


def _minimise(model: nn.Module, loss: Callable[[], torch.Tensor]) -> None:
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]


def map_passages(part: Passages, weights: Array, bias: Array) -> Passages:
    """Return passages whose means are mapped."""

    def mapped(mean: Array) -> Array:
        return np.asarray(mean @ weights + bias, dtype=np.float32)

    return Passages(
        part.turn,
        mapped(part.exchange_before),
        mapped(part.all_before),
        mapped(part.first_after),
        mapped(part.all_after),
        part.lengths,
    )


def _differences(example: CutExample) -> list[Array]:
    """Return differences between passages of one topic."""
    differences: list[Array] = []
    for part in example.passages:
        if not example.first_turn:
            differences += [part.exchange_before - part.all_after, part.all_before - part.first_after]
        elif part.turn > example.first_turn:
            differences.append(part.exchange_before - part.first_after)
    return differences
