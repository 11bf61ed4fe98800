"""Forward passes over samples: tensors, mixed precision, and batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoding import DialogueEncoder, Encoded, pad
from .data import Sample
from .network import EmotionNetwork, Outputs

BATCH = 64
"""Samples a pass when nothing is learned."""


class Forward:
    """Run a network over dialogues on one device, in bfloat16 where it may.

    Args:
        encoder: From turns to token ids.
        device: Where the network stands.
    """

    def __init__(self, encoder: DialogueEncoder, device: torch.device) -> None:
        self.encoder = encoder
        self.device = device

    def __call__(self, network: EmotionNetwork, rows: Sequence[Encoded]) -> Outputs:
        """Return the outputs for one batch."""
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in pad(rows).items()}
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            outputs: Outputs = network(**tensors)
        return outputs

    def logits(self, network: EmotionNetwork, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Return the emotion logits of samples, [samples, labels]."""
        rows: list[Any] = [None] * len(samples)
        for part, outputs in self._parts(network, samples):
            for index, row in zip(part, outputs.logits.float().cpu().numpy(), strict=True):
                rows[index] = row
        return np.stack(rows)

    def vectors(self, network: EmotionNetwork, samples: Sequence[Sample]) -> list[Tensor]:
        """Return the sentence vector of each sample, in half precision."""
        rows: list[Any] = [None] * len(samples)
        for part, outputs in self._parts(network, samples):
            for index, row in zip(part, outputs.embedding.half().cpu().unbind(), strict=True):
                rows[index] = row
        return rows

    def _parts(self, network: EmotionNetwork, samples: Sequence[Sample]) -> Iterator[tuple[list[int], Outputs]]:
        encoded = self.encoder.batch([sample.turns for sample in samples])
        order = sorted(range(len(samples)), key=lambda i: len(encoded[i].ids))
        network.eval()
        with torch.no_grad():
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                yield part, self(network, [encoded[i] for i in part])
