"""The network of the risk head: layers that read the last turn of a dialogue, and its level and kind of risk."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...safety.findings import LEVELS
from ...safety.risk_model import KINDS
from ..sem.chinese.restored_sem import RestoredSem
from ..sem.turn_head.last_turn_layers import DROPOUT, LastTurnLayers


class RiskOutputs(NamedTuple):
    """What the head says of a padded batch."""

    levels: Tensor
    """Logits of the levels of the last turn, from harmless to grave, [batch, levels]."""
    kinds: Tensor
    """Logits of what a risk in it is about, [batch, kinds]."""


class RiskNetwork(nn.Module):
    """Level and kind of the risk in the last turn, from a SEM's features below its upper layers.

    Args:
        sem: The SEM in full precision; its upper layers are taken.
        end_token: Id of the token after each turn.
    """

    def __init__(self, sem: RestoredSem, end_token: int) -> None:
        super().__init__()
        self.reader = LastTurnLayers(sem, end_token)
        self.dropout = nn.Dropout(DROPOUT)
        self.levels = nn.Linear(2 * self.reader.width, len(LEVELS))
        self.kinds = nn.Linear(2 * self.reader.width, len(KINDS))

    def forward(self, features: Tensor, input_ids: Tensor, attention_mask: Tensor) -> RiskOutputs:
        """Return the outputs of a padded batch; the arguments are those of `LastTurnLayers`."""
        _, pooled, last_turn = self.reader(features, input_ids, attention_mask)
        joined = self.dropout(torch.cat([pooled, last_turn], -1))
        return RiskOutputs(self.levels(joined), self.kinds(joined))
