"""Everything that one file holds: the emotion network and the heads that read its layers."""

from __future__ import annotations

from torch import Tensor, nn

from .cause_head import CauseHead
from .embedding_head import EmbeddingHead
from .network import EmotionNetwork


class SemNetwork(nn.Module):
    """Emotion, sentence vector and cause scores in one pass, with the inputs and outputs that an `OnnxSem` wants.

    Args:
        emotion: The trained emotion network.
        embedding: Its sentence vectors.
        causes: Its cause scores; None where no marked words were there to learn from.
    """

    def __init__(self, emotion: EmotionNetwork, embedding: EmbeddingHead, causes: CauseHead | None) -> None:
        super().__init__()
        self.emotion = emotion
        self.embedding = embedding
        self.causes = causes

    @property
    def outputs(self) -> tuple[str, str, str]:
        """Names of the outputs: the last is [batch, tokens, labels], learned from marked words or from labels alone."""
        return "logits", "vector", "causes" if self.causes else "token_logits"

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Read a padded batch, each input of shape [batch, tokens]."""
        read = self.emotion(input_ids, attention_mask, token_type_ids)
        vector = self.embedding(read.layers, attention_mask)
        tokens = self.causes(read.layers, read.token_logits, input_ids) if self.causes else read.token_logits
        return read.logits, vector, tokens
