"""The bilingual network: emotion, a neutral probability, and the turns of the current topic, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..emotion_network import EmotionNetwork


class BilingualOutputs(NamedTuple):
    """The outputs of one forward pass."""

    logits: Tensor
    """Emotion logits, [batch, labels]."""
    pooled: Tensor
    """The mean features of the current topic's tokens, [batch, width]."""
    token_logits: Tensor
    """Each token's logits before averaging, [batch, tokens, labels]."""
    layers: tuple[Tensor, ...]
    """Hidden states of the embeddings and each layer, each [batch, tokens, width]."""
    neutral: Tensor
    """Logit of the probability that the current topic carries no emotion, [batch]."""
    topic: Tensor
    """Logit of the probability that a token's turn belongs to the current topic, [batch, tokens]."""


class BilingualNetwork(EmotionNetwork):
    """A trunk whose emotion is read from the tokens of the current topic.

    Each turn ends with a separator token. A head reads there whether the turn belongs to the topic of the last one;
    the features of the tokens are averaged with these probabilities as weights, so that one pass reads the current
    topic. The last turn always belongs to it.
    """

    def __init__(self, trunk: nn.Module, width: int, labels: int, *, attentive: bool = False) -> None:
        super().__init__(trunk, width, labels, attentive=attentive)
        self.neutral = nn.Linear(width, 1)
        self.topic = nn.Sequential(nn.Linear(2 * width, 64), nn.GELU(), nn.Linear(64, 1))
        self.separator: int = 2
        """Id of the token after each turn."""

    @property
    def heads(self) -> list[nn.Parameter]:
        """Return the parameters that are not pretrained."""
        modules = (self.classifier, self.neutral, self.topic)
        return [parameter for module in modules for parameter in module.parameters()]

    def forward(  # type: ignore[override]
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, current: Tensor | None = None
    ) -> BilingualOutputs:
        """Return the outputs of a padded batch, each input of shape [batch, tokens].

        Args:
            input_ids: Token ids.
            attention_mask: 1 for a token, 0 for padding.
            token_type_ids: 0 for the speaker's tokens, 1 for the listener's.
            current: 1 for a token of the current topic, else 0; None reads it from the topic head.
        """
        outputs = self.trunk(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, output_hidden_states=True
        )
        hidden, layers = outputs.last_hidden_state, tuple(outputs.hidden_states)
        topic = self._topic(hidden, input_ids, attention_mask)
        weights = attention_mask * (current if current is not None else topic.sigmoid())
        pooled = (hidden * weights.unsqueeze(-1)).sum(1) / weights.sum(1, keepdim=True)
        return BilingualOutputs(
            logits=self.classifier(self.dropout(pooled)),
            pooled=pooled,
            token_logits=self.classifier(hidden),
            layers=layers,
            neutral=self.neutral(self.dropout(pooled))[..., 0],
            topic=topic,
        )

    def _topic(self, hidden: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return each turn's topic logit at its tokens; that of the last turn is high."""
        is_end = (input_ids == self.separator).to(hidden.dtype) * attention_mask
        number = is_end.cumsum(1) - is_end
        last = is_end.sum(1, keepdim=True) - 1
        is_last_end = is_end * (number == last)
        ending = (hidden * is_last_end.unsqueeze(-1)).sum(1, keepdim=True).expand_as(hidden)
        scores = self.topic(torch.cat([hidden, ending], dim=-1))[..., 0]
        is_same_turn = (number.unsqueeze(2) == number.unsqueeze(1)).to(hidden.dtype)
        by_token = (is_same_turn * (is_end * scores).unsqueeze(1)).sum(2)
        return torch.where(number >= last, torch.full_like(by_token, 20.0), by_token)
