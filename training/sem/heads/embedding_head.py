"""Sentence vectors from the emotion trunk: a linear map that brings what people tell close to what it is about."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ....contract import Turn
from ....data.conversations import Conversation, Sample
from ..emotion_network import EmotionNetwork, mean_over_tokens
from ..forward import Forward

BATCH = 512
"""Pairs a step; the others of a batch are what a pair must be told from."""
EPOCHS = 20
LEARNING_RATE = 1e-3
TEMPERATURE = 0.05


class EmbeddingHead(nn.Module):
    """One linear map of the mean features of all layers to a unit vector.

    A trunk that learned emotions forgets, in its last layers, what a text is about; its lower layers still know.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.map = nn.Linear(width * layers, width, bias=False)
        with torch.no_grad():
            self.map.weight.copy_(torch.eye(width).repeat(1, layers) / layers)

    def forward(self, layers: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
        """Return unit vectors, [batch, width].

        Args:
            layers: Features of the tokens by layer, each [batch, tokens, width].
            attention_mask: 1 for a token, 0 for padding, [batch, tokens].
        """
        return self.of_features(pooled(layers, attention_mask))

    def of_features(self, features: Tensor) -> Tensor:
        """Return unit vectors from what `pooled` gives."""
        return nn.functional.normalize(self.map(features), dim=-1)


def pooled(layers: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
    """Return the mean features of each layer, each of unit length, side by side, [batch, width * layers]."""
    means = [nn.functional.normalize(mean_over_tokens(layer.float(), attention_mask), dim=-1) for layer in layers]
    return torch.cat(means, dim=-1)


def fit_embedding_head(
    network: EmotionNetwork, forward: Forward, conversations: Sequence[Conversation], *, seed: int = 0
) -> EmbeddingHead:
    """Fit the head so that a conversation's first utterance finds its situation (InfoNCE, van den Oord et al., 2018).

    The trunk is not changed, and read once.

    Args:
        network: The finished emotion network.
        forward: How it reads.
        conversations: Training conversations; those without a situation or a turn are left out.
        seed: Of shuffling and dropout.
    """
    torch.manual_seed(seed)
    pairs = [(c.turns[0].text, c.situation) for c in conversations if c.turns and c.turns[0].text and c.situation]
    head = EmbeddingHead(network.width, network.depth + 1)
    said, meant = (_features(network, forward, [pair[side] for pair in pairs]) for side in (0, 1))
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(pairs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(pairs))
        for start in range(0, len(pairs), BATCH):
            part = order[start : start + BATCH]
            sides = [head.of_features(nn.functional.dropout(side[part].float(), 0.1)) for side in (said, meant)]
            likeness = sides[0] @ sides[1].T / TEMPERATURE
            wanted = torch.arange(len(part))
            loss = nn.functional.cross_entropy(likeness, wanted) + nn.functional.cross_entropy(likeness.T, wanted)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return head.eval()


def _features(network: EmotionNetwork, forward: Forward, texts: Sequence[str]) -> Tensor:
    """Return the pooled features of texts, each a dialogue of one turn, in half precision."""
    samples = [Sample((Turn("speaker", text),), "", "") for text in texts]
    return torch.stack(forward.each(network, samples, lambda out, mask: pooled(out.layers, mask).half().cpu()))
