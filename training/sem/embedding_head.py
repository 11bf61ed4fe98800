"""The head for sentence vectors: a linear map of the emotion trunk's features to vectors of topic similarity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...contract import Turn
from ...data.conversations import Conversation, Sample
from .emotion_network import EmotionNetwork, Forward, mean_over_tokens

PAIRS_PER_STEP = 512
"""Pairs per step; the other pairs of a batch are the negatives."""
EPOCHS = 20
LEARNING_RATE = 1e-3
TEMPERATURE = 0.05


class EmbeddingHead(nn.Module):
    """One linear map of the mean features of all layers to a unit vector.

    The last layers of a trunk that was trained on emotions lose the topic of a text; its lower layers keep it.
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
        return self.project(pool_layers(layers, attention_mask))

    def project(self, features: Tensor) -> Tensor:
        """Return unit vectors from the output of `pool_layers`."""
        return nn.functional.normalize(self.map(features), dim=-1)


def pool_layers(layers: Sequence[Tensor], attention_mask: Tensor) -> Tensor:
    """Return the mean features of each layer, each of unit length, concatenated, [batch, width * layers]."""
    means = [nn.functional.normalize(mean_over_tokens(layer.float(), attention_mask), dim=-1) for layer in layers]
    return torch.cat(means, dim=-1)


def train_embedding_head(
    network: EmotionNetwork, forward: Forward, conversations: Sequence[Conversation], *, seed: int = 0
) -> EmbeddingHead:
    """Train the head so that a conversation's first utterance matches its situation (InfoNCE, van den Oord, 2018).

    The trunk is frozen, and read once.

    Args:
        network: The finished emotion network.
        forward: Its forward pass.
        conversations: Training conversations; those without a situation or a turn are left out.
        seed: Seed of shuffling and dropout.
    """
    torch.manual_seed(seed)
    pairs = [(c.turns[0].text, c.situation) for c in conversations if c.turns and c.turns[0].text and c.situation]
    head = EmbeddingHead(network.width, network.depth + 1)
    utterances, situations = (_features(network, forward, [pair[side] for pair in pairs]) for side in (0, 1))
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(pairs) // PAIRS_PER_STEP)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(pairs))
        for start in range(0, len(pairs), PAIRS_PER_STEP):
            batch = order[start : start + PAIRS_PER_STEP]
            sides = [head.project(nn.functional.dropout(side[batch].float(), 0.1)) for side in (utterances, situations)]
            similarity = sides[0] @ sides[1].T / TEMPERATURE
            targets = torch.arange(len(batch))
            loss = nn.functional.cross_entropy(similarity, targets) + nn.functional.cross_entropy(similarity.T, targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return head.eval()


def _features(network: EmotionNetwork, forward: Forward, texts: Sequence[str]) -> Tensor:
    """Return the pooled features of texts, each a dialogue of one turn, in half precision."""
    samples = [Sample((Turn("speaker", text),), "", "") for text in texts]
    return torch.stack(forward.each(network, samples, lambda out, mask: pool_layers(out.layers, mask).half().cpu()))
