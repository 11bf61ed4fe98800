"""The network of the shipped SEM: a BERT-like trunk with an emotion and an embedding head."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import AutoModel


class Outputs(NamedTuple):
    """What one forward pass gives."""

    logits: Tensor
    """Emotion logits, [batch, labels]."""
    token_logits: Tensor
    """Each token's share of the logits before averaging, [batch, tokens, labels]."""
    embedding: Tensor
    """Unit sentence vectors for the memory, [batch, width]."""


class EmotionNetwork(nn.Module):
    """Mean-pooled trunk whose emotion logits are a sum over tokens.

    Because pooling and head are linear, a dialogue's logit is the mean of its tokens' logits:
    the same pass that reads the emotion says which words carried it (class activation mapping,
    Zhou et al., CVPR 2016).
    """

    def __init__(self, trunk: nn.Module, width: int, labels: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.classifier = nn.Linear(width, labels)
        self.embedder = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.embedder.weight)
        self.dropout = nn.Dropout(0.1)

    @classmethod
    def from_backbone(cls, backbone: str | Path, labels: int) -> EmotionNetwork:
        """Build from a hub id or folder of a pretrained encoder."""
        trunk = AutoModel.from_pretrained(backbone, dtype=torch.float32, add_pooling_layer=False)
        return cls(trunk, int(trunk.config.hidden_size), labels)

    @property
    def positions(self) -> int:
        """How many tokens the trunk can tell apart by place."""
        return int(self.trunk.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Outputs:
        """Read a padded batch, each input of shape [batch, tokens]."""
        hidden = self.trunk(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        return Outputs(
            logits=self.classifier(self.dropout(pooled)),
            token_logits=self.classifier(hidden),
            embedding=nn.functional.normalize(self.embedder(pooled), dim=-1),
        )
