"""The head of a SEM that reads the last turn: its emotion, whether it has one, and which turns share its subject."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..chinese.restored_sem import RestoredSem
from .last_turn_layers import DROPOUT, LastTurnLayers


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

    Args:
        sem: The SEM in full precision; its upper layers and its classifier are taken.
        end_token: Id of the token after each turn.
        layers: How many of the upper layers.
    """

    def __init__(self, sem: RestoredSem, end_token: int, layers: int = 2) -> None:
        super().__init__()
        self.reader = LastTurnLayers(sem, end_token, layers)
        width = self.reader.width
        self.classifier = nn.Linear(width, sem.emotion.classifier.out_features)
        self.classifier.load_state_dict(sem.emotion.classifier.state_dict())
        self.neutral, self.topic = nn.Linear(2 * width, 1), nn.Linear(width, 1)
        self.dropout = nn.Dropout(DROPOUT)
        with torch.no_grad():
            for layer in (self.neutral, self.topic):
                layer.weight.zero_()
                layer.bias.zero_()

    def forward(self, features: Tensor, input_ids: Tensor, attention_mask: Tensor) -> TurnOutputs:
        """Return the outputs of a padded batch; the arguments are those of `LastTurnLayers`."""
        tokens, pooled, last_turn = self.reader(features, input_ids, attention_mask)
        neutral = self.neutral(self.dropout(torch.cat([pooled, last_turn], -1)))[..., 0]
        return TurnOutputs(self.classifier(self.dropout(pooled)), neutral, self.topic(tokens)[..., 0])
