"""The head for changes of topic: small maps of token features whose cosines tell a cut, trained on joined dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ....sem.runtime.topic_cut import LENGTHS, PARTS, Passages, TopicCut

Array = NDArray[np.float32]
HEADS, WIDTH = 8, 16
EPOCHS = 30
BATCH = 64
LEARNING_RATE = 3e-3


class CutExample(NamedTuple):
    """One dialogue: the passages around each of its cuts, and the turn that its current topic begins with."""

    passages: list[Passages]
    first_turn: int
    """0 where the topic does not change."""


class TopicHead(nn.Module):
    """Maps and the logistic model of `TopicCut`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, HEADS * WIDTH, bias=False)
        self.score = nn.Linear(HEADS * PARTS + LENGTHS, 1)
        with torch.no_grad():
            self.score.weight.zero_()
            self.score.weight[:, : HEADS * PARTS] = -1.0
            self.score.bias.fill_(-1.0)

    def forward(self, parts: Tensor, lengths: Tensor) -> Tensor:
        """Return the score of each cut.

        Args:
            parts: The passages' mean features in the order of `Passages`, [cuts, 4, width].
            lengths: [cuts, 2].
        """
        before, everything, first, after = self.map(parts).unflatten(-1, (HEADS, WIDTH)).unbind(1)
        pairs = ((before, after), (everything, after), (before, first))
        cosines = [nn.functional.cosine_similarity(one, other, dim=-1, eps=1e-6) for one, other in pairs]
        scores: Tensor = self.score(torch.cat([*cosines, lengths], dim=-1))[:, 0]
        return scores

    def export(self, threshold: float) -> tuple[TopicCut, Array, Array]:
        """Return the logistic model, and the maps as weights [width, heads · width] and bias."""
        weights = tuple(float(value) for value in self.score.weight[0])
        cut = TopicCut(heads=HEADS, weights=weights, bias=float(self.score.bias), threshold=threshold)
        matrix = self.map.weight.detach().numpy().T
        return cut, matrix, np.zeros(matrix.shape[1], dtype=np.float32)


def train_topic_head(examples: Sequence[CutExample], *, seed: int = 0, epochs: int = EPOCHS) -> TopicHead:
    """Train the head so that a softmax over all cuts of a dialogue, and none, finds the true one."""
    torch.manual_seed(seed)
    examples = [example for example in examples if example.passages]
    width = len(examples[0].passages[0].all_after)
    head = TopicHead(width)
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    steps = epochs * -(-len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    stacked = [_stack(example) for example in examples]
    for _ in range(epochs):
        for indices in torch.randperm(len(examples)).split(BATCH):
            batch = [stacked[i] for i in indices.tolist()]
            parts = nn.functional.dropout(torch.cat([parts for parts, _, _ in batch]), 0.1)
            scores = head(parts, torch.cat([lengths for _, lengths, _ in batch]))
            rows = [nn.functional.pad(row, (1, 0)) for row in scores.split([len(parts) for parts, _, _ in batch])]
            logits = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1e4)
            loss = nn.functional.cross_entropy(logits, torch.tensor([target for _, _, target in batch]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return head.eval()


def _stack(example: CutExample) -> tuple[Tensor, Tensor, int]:
    parts = [torch.from_numpy(np.stack(passages[1:5])).float() for passages in example.passages]
    lengths = [torch.from_numpy(passages.lengths) for passages in example.passages]
    turns = [passages.turn for passages in example.passages]
    target = 1 + turns.index(example.first_turn) if example.first_turn in turns else 0
    return torch.stack(parts), torch.stack(lengths), target
