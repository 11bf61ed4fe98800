"""Everything that one file holds: the emotion network and the heads that read its layers."""

from __future__ import annotations

from torch import Tensor, nn

from .emotion_network import EmotionNetwork
from .heads.cause_head import CauseHead
from .heads.embedding_head import EmbeddingHead

OUTPUTS = ("logits", "vector", "causes")
"""Emotion logits [batch, labels], unit vectors [batch, width], cause scores [batch, tokens, labels]."""


class SemNetwork(nn.Module):
    """Emotion, sentence vector and cause scores in one pass, with the inputs and outputs that an `OnnxSem` wants.

    Args:
        emotion: The trained emotion network.
        embedding: Its sentence vectors.
        causes: Its cause scores.
    """

    def __init__(self, emotion: EmotionNetwork, embedding: EmbeddingHead, causes: CauseHead) -> None:
        super().__init__()
        self.emotion = emotion
        self.embedding = embedding
        self.causes = causes

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Read a padded batch, each input of shape [batch, tokens]; return one tensor an output."""
        read = self.emotion(input_ids, attention_mask, token_type_ids)
        vector = self.embedding(read.layers, attention_mask)
        return read.logits, vector, self.causes(read.layers, read.token_logits, input_ids)
