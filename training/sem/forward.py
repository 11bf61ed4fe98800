"""Forward passes over samples: tensors, mixed precision, and batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.conversations import Sample
from ...sem.runtime.encoding import DialogueEncoder, Encoded, pad
from .emotion_network import EmotionNetwork, Outputs

BATCH = 64
"""Samples a pass when nothing is learned."""
WIDTHS = 8
"""Widths of a batch are multiples of it: kernels are compiled once a width, for seconds."""


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
        return self._run(network, rows)[0]

    def logits(self, network: EmotionNetwork, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Return the emotion logits of samples, [samples, labels]."""
        rows = self.each(network, samples, lambda outputs, mask: outputs.logits.float().cpu())
        return torch.stack(rows).numpy()

    def each(
        self, network: EmotionNetwork, samples: Sequence[Sample], take: Callable[[Outputs, Tensor], Tensor]
    ) -> list[Tensor]:
        """Return what is taken from the outputs, one row a sample; nothing is learned.

        Args:
            network: What reads.
            samples: What is read, in batches of similar length.
            take: From the outputs of a batch and its attention mask to one row a sample.
        """
        encoded = self.encoder.batch([sample.turns for sample in samples])
        order = sorted(range(len(samples)), key=lambda i: len(encoded[i].ids))
        rows: list[Any] = [None] * len(samples)
        network.eval()
        with torch.no_grad():
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                outputs, mask = self._run(network, [encoded[i] for i in part])
                for index, row in zip(part, take(outputs, mask).unbind(), strict=True):
                    rows[index] = row
        return rows

    def _run(self, network: EmotionNetwork, rows: Sequence[Encoded]) -> tuple[Outputs, Tensor]:
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in pad(rows, WIDTHS).items()}
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            outputs: Outputs = network(**tensors)
        return outputs, tensors["attention_mask"]
