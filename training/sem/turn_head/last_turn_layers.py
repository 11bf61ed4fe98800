"""Layers that read the last turn of a dialogue: two of a SEM, trained on, that know how far back each turn lies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..chinese.restored_sem import RestoredSem

DISTANCE_STEPS = (0, 1, 2, 3, 5, 9)
"""A turn's distance from the last one, in turns, is told as the number of these that it exceeds."""
NO_TURN = len(DISTANCE_STEPS) + 1
"""Told of the token before a dialogue."""
MASKED = -1e4
DROPOUT = 0.1


class LastTurnFeatures(NamedTuple):
    """What the layers make of a padded batch."""

    tokens: Tensor
    """[batch, tokens, width]"""
    pooled: Tensor
    """The dialogue, by attention of one query, [batch, width]."""
    last_turn: Tensor
    """Mean of the last turn's tokens, [batch, width]."""


class LastTurnLayers(nn.Module):
    """Upper layers of a SEM over its features below them; each token is told how far back its turn lies.

    They begin as the SEM's own. Pooling is learned, so that what is told of the last turn may be read in the turns that
    it belongs to.

    Args:
        sem: The SEM in full precision; its upper layers are taken.
        end_token: Id of the token after each turn.
        layers: How many of the upper layers.
    """

    def __init__(self, sem: RestoredSem, end_token: int, layers: int = 2) -> None:
        super().__init__()
        self.width = sem.emotion.width
        self.layers = nn.ModuleList(list(sem.emotion.trunk.encoder.layer)[-layers:])  # type: ignore[union-attr, arg-type]
        self.end_token = end_token
        self.distance = nn.Embedding(NO_TURN + 1, self.width)
        self.attention = nn.Linear(self.width, 1)
        for module in self.layers.modules():
            if isinstance(module, nn.Dropout):
                module.p = DROPOUT
        with torch.no_grad():  # so that they begin by reading as the SEM does
            self.distance.weight.zero_()
            self.attention.weight.zero_()
            self.attention.bias.zero_()

    def forward(self, features: Tensor, input_ids: Tensor, attention_mask: Tensor) -> LastTurnFeatures:
        """Return the features of a padded batch.

        Args:
            features: The SEM's token features below these layers, [batch, tokens, width].
            input_ids: Token ids, [batch, tokens].
            attention_mask: 1 for a token, 0 for padding, [batch, tokens].
        """
        distance = distances(input_ids, attention_mask, self.end_token)
        mask = attention_mask.to(features.dtype)
        hidden = features + self.distance(distance)
        for layer in self.layers:
            output = layer(hidden, attention_mask=(1 - mask[:, None, None, :]) * MASKED)
            hidden = output[0] if isinstance(output, tuple) else output
        weights = (self.attention(hidden)[..., 0] + (mask - 1) * -MASKED).softmax(-1)
        last = (distance == 0).to(mask.dtype) * mask
        return LastTurnFeatures(
            hidden,
            (weights[..., None] * hidden).sum(1),
            (last[..., None] * hidden).sum(1) / last.sum(1, keepdim=True).clamp(min=1),
        )


def distances(input_ids: Tensor, attention_mask: Tensor, end_token: int) -> Tensor:
    """Return how far back each token's turn lies, in the steps of `DISTANCE_STEPS`, [batch, tokens].

    A turn ends with its end token; the first token belongs to none.
    """
    ends = ((input_ids == end_token) * attention_mask).to(torch.int64)
    turns_back = ends.sum(1, keepdim=True) - ends.cumsum(1) + ends - 1
    steps = torch.stack([(turns_back > step).to(torch.int64) for step in DISTANCE_STEPS]).sum(0)
    first = torch.zeros_like(steps)
    first[:, 0] = NO_TURN
    return torch.maximum(steps, first)
