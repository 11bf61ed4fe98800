"""The network of the shipped SEM: a BERT-like trunk with an emotion head."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import AutoModel


class Outputs(NamedTuple):
    """What one forward pass gives."""

    logits: Tensor
    """Emotion logits, [batch, labels]."""
    pooled: Tensor
    """What the emotion head reads, the tokens' features averaged, [batch, width]."""
    token_logits: Tensor
    """Each token's share of the logits before averaging, [batch, tokens, labels]."""
    layers: tuple[Tensor, ...]
    """What the embeddings and each layer make of the tokens, each [batch, tokens, width]; further heads read them."""


class EmotionNetwork(nn.Module):
    """Mean-pooled trunk whose emotion logits are a sum over tokens.

    Because pooling and head are linear, a dialogue's logit is the mean of its tokens' logits:
    the same pass that reads the emotion says which words carried it (class activation mapping,
    Zhou et al., CVPR 2016).
    """

    def __init__(self, trunk: nn.Module, width: int, labels: int, *, attentive: bool = False) -> None:
        super().__init__()
        self.trunk = trunk
        self.attention = nn.Linear(width, 1) if attentive else None
        if self.attention is not None:
            nn.init.zeros_(self.attention.weight)
        self.classifier = nn.Linear(width, labels)
        self.dropout = nn.Dropout(0.1)
        self._typed = "token_type_ids" in inspect.signature(trunk.forward).parameters

    @classmethod
    def from_backbone(cls, backbone: str | Path, labels: int, *, attentive: bool = False) -> EmotionNetwork:
        """Build from a hub id or folder of a pretrained encoder; `attentive` learns how much each token counts."""
        trunk = AutoModel.from_pretrained(backbone, dtype=torch.float32, add_pooling_layer=False)
        return cls(trunk, int(trunk.config.hidden_size), labels, attentive=attentive)

    @property
    def width(self) -> int:
        """Width of a token's features."""
        return int(self.classifier.in_features)

    @property
    def depth(self) -> int:
        """Number of the trunk's layers, the embeddings not counted."""
        return int(self.trunk.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]

    @property
    def positions(self) -> int:
        """How many tokens the trunk can tell apart by place."""
        return int(self.trunk.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]

    def drop(self, share: float) -> None:
        """Set the dropout within the trunk."""
        for module in self.trunk.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the lowest layers as they are; with 0 all of the trunk learns."""
        if layers:
            self.trunk.embeddings.requires_grad_(False)
            for layer in self.trunk.encoder.layer[:layers]:  # type: ignore[union-attr, index]
                layer.requires_grad_(False)

    def keep_positions(self, window: int) -> None:
        """Forget the places beyond a window; MPNet and RoBERTa number theirs from 2."""
        table: nn.Embedding = self.trunk.embeddings.position_embeddings  # type: ignore[union-attr, assignment]
        table.weight = nn.Parameter(table.weight[: window + 2].clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Outputs:
        """Read a padded batch, each input of shape [batch, tokens].

        A trunk without token types (MPNet, RoBERTa) tells the roles apart by the turns' order alone.
        """
        types = {"token_type_ids": token_type_ids} if self._typed else {}
        read = self.trunk(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True, **types)
        hidden = read.last_hidden_state
        pooled = self._pool(hidden, attention_mask)
        return Outputs(
            logits=self.classifier(self.dropout(pooled)),
            pooled=pooled,
            token_logits=self.classifier(hidden),
            layers=tuple(read.hidden_states),
        )

    def _pool(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        if self.attention is None:
            return mean_over_tokens(hidden, attention_mask)
        weights = self.attention(hidden)[..., 0].float().masked_fill(attention_mask == 0, -torch.inf).softmax(-1)
        summed: Tensor = (weights.unsqueeze(-1).to(hidden.dtype) * hidden).sum(1)
        return summed


def mean_over_tokens(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of the tokens' features that are not padding, [batch, width].

    Args:
        hidden: Shape [batch, tokens, width].
        attention_mask: 1 for a token, 0 for padding, [batch, tokens].
    """
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1)
