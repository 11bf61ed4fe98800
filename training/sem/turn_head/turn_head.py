"""The network of the head: two layers of a SEM, trained on, that know how far back each turn lies."""

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


class TurnOutputs(NamedTuple):
    """What the head says of a padded batch."""

    logits: Tensor
    """Of the emotions of the last turn, [batch, labels]."""
    neutral: Tensor
    """Score of no emotion in the last turn, [batch]."""
    topic: Tensor
    """Score of each token to be of a turn about the last one's subject, [batch, tokens]."""


class TurnHead(nn.Module):
    """Emotion, neutrality and topic of the last turn of a dialogue, from a SEM's features below its upper layers.

    The layers begin as the SEM's own; each token is told how far back its turn lies. Pooling is learned (attention of
    one query), so that the emotion may be read in the turns that it belongs to.

    Args:
        sem: The SEM in full precision; its upper layers and its classifier are taken.
        end_token: Id of the token after each turn.
        layers: How many of the upper layers.
    """

    def __init__(self, sem: RestoredSem, end_token: int, layers: int = 2) -> None:
        super().__init__()
        width, labels = sem.emotion.width, sem.emotion.classifier.out_features
        encoder = sem.emotion.trunk.encoder
        self.layers = nn.ModuleList(list(encoder.layer)[-layers:])  # type: ignore[union-attr, arg-type]
        self.end_token = end_token
        self.distance = nn.Embedding(NO_TURN + 1, width)
        self.classifier = nn.Linear(width, labels)
        self.classifier.load_state_dict(sem.emotion.classifier.state_dict())
        self.attention, self.neutral, self.topic = nn.Linear(width, 1), nn.Linear(2 * width, 1), nn.Linear(width, 1)
        self.dropout = nn.Dropout(0.1)
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.1
        with torch.no_grad():  # so that it begins by reading as the SEM does
            for layer in (self.attention, self.neutral, self.topic):
                layer.weight.zero_()
                layer.bias.zero_()
            self.distance.weight.zero_()

    def forward(self, features: Tensor, input_ids: Tensor, attention_mask: Tensor) -> TurnOutputs:
        """Return the outputs of a padded batch.

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
        pooled = (weights[..., None] * hidden).sum(1)
        last = (distance == 0).to(mask.dtype) * mask
        last_turn = (last[..., None] * hidden).sum(1) / last.sum(1, keepdim=True).clamp(min=1)
        neutral = self.neutral(self.dropout(torch.cat([pooled, last_turn], -1)))[..., 0]
        return TurnOutputs(self.classifier(self.dropout(pooled)), neutral, self.topic(hidden)[..., 0])


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
