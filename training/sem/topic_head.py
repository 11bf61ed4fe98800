"""The head for changes of topic: a linear map of token features whose cosines tell a cut, fitted on joined dialogues.

The map is fitted in closed form (linear discriminants, Fisher, 1936) on one part of the dialogues, the logistic model
of its cosines on another one: maps trained by gradient descent learn a few thousand dialogues by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class CutExample(NamedTuple):
    """One dialogue: the passages around each of its cuts, and the turn that its current topic begins with."""

    passages: list[Passages]
    first_turn: int
    """0 where the topic does not change."""


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
    examples: Sequence[CutExample], weights: Array, bias: Array, *, threshold: float, slope: float, membership: float
) -> TopicCut:
    """Return the logistic model of the mapped passages' cosines.

    Args:
        examples: Dialogues that the map was not fitted on.
        weights: From `fit_topic_map`.
        bias: The same.
        threshold: See `TopicCut`.
        slope: See `TopicCut`.
        membership: See `TopicCut`.
    """
    examples = [example for example in examples if example.passages]
    most, size = max(len(example.passages) for example in examples), PARTS + LENGTHS
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
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = torch.cat([torch.zeros(len(examples), 1), model(features)[..., 0] + padding], dim=1)
        value = nn.functional.cross_entropy(scores, targets) + 1e-2 * (model.weight**2).mean()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = tuple(float(value) for value in model.weight.detach()[0])
    score_bias = float(model.bias.detach())
    return TopicCut(heads=1, weights=fitted, bias=score_bias, threshold=threshold, slope=slope, membership=membership)


def map_passages(part: Passages, weights: Array, bias: Array) -> Passages:
    """Return passages whose means are mapped."""
    means = (part.exchange_before, part.all_before, part.first_after, part.all_after)
    mapped = [np.asarray(mean, dtype=np.float32) @ weights + bias for mean in means]
    return Passages(part.turn, part.exchange, *mapped, part.lengths)


def _differences(example: CutExample) -> list[Array]:
    """Return differences between passages of one topic."""
    differences: list[Array] = []
    for part in example.passages:
        if not example.first_turn:
            differences += [part.exchange_before - part.all_after, part.all_before - part.first_after]
        elif part.turn > example.first_turn:
            differences.append(part.exchange_before - part.first_after)
    return differences
