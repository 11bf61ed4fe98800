"""What a SEM computes of each token below its upper layers: computed once, stacked for each step of a training."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....sem.runtime.encoding import Encoded, pad
from ....sem.runtime.manifest import FEATURES, NETWORK, TOKENIZER
from ....sem.runtime.onnx_runner import OnnxRunner
from ..chinese.onnx_extension import extend_network

LAYER = "layer_norm_8"
"""Value of an exported network with six layers: the tokens' features below the upper two."""
LENGTH_JITTER = 24
"""Tokens by which dialogues of one batch may differ in length, so that batches differ from pass to pass."""


class TokenFeatures(NamedTuple):
    """A dialogue as layers above the SEM's lower ones read it."""

    encoded: Encoded
    values: NDArray[np.float16]
    """[tokens, width]"""

    def window(self, most_tokens: int) -> NDArray[np.int64]:
        """Return the positions of the first token and of the last ones."""
        count = len(self.encoded.ids)
        return np.arange(count) if count <= most_tokens else np.r_[0, np.arange(count - most_tokens + 1, count)]

    def inputs(self) -> dict[str, NDArray[Any]]:
        """Return what an exported head reads."""
        arrays = pad([self.encoded])
        return {
            FEATURES: self.values[None].astype(np.float32),
            "input_ids": arrays["input_ids"],
            "attention_mask": arrays["attention_mask"],
        }


def open_features(folder: Path, max_tokens: int) -> OnnxRunner:
    """Return a runner of a SEM's network with the output `features`."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(folder / TOKENIZER, Path(scratch, TOKENIZER))
        extend_network(folder / NETWORK, Path(scratch, NETWORK), exposed={FEATURES: LAYER})
        return OnnxRunner(Path(scratch), max_tokens)


def to_token_features(encoded: Sequence[Encoded], features: Sequence[NDArray[np.float32]]) -> list[TokenFeatures]:
    """Return dialogues with what a network computed of them, padded, without the padding."""
    return [
        TokenFeatures(one, values[: len(one.ids)].astype(np.float16))
        for one, values in zip(encoded, features, strict=True)
    ]


def stack(dialogues: Sequence[TokenFeatures], most_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return features [batch, tokens, width], ids and mask [batch, tokens] of dialogues, padded."""
    windows = [one.window(most_tokens) for one in dialogues]
    width = -(-max(len(positions) for positions in windows) // 8) * 8
    features = np.zeros((len(windows), width, dialogues[0].values.shape[1]), dtype=np.float32)
    ids, mask = (np.zeros((len(windows), width), dtype=np.int64) for _ in range(2))
    for row, (one, positions) in enumerate(zip(dialogues, windows, strict=True)):
        features[row, : len(positions)] = one.values[positions]
        ids[row, : len(positions)] = np.array(one.encoded.ids)[positions]
        mask[row, : len(positions)] = 1
    return torch.from_numpy(features), torch.from_numpy(ids), torch.from_numpy(mask)


def draw_batches(
    dialogues: Sequence[TokenFeatures], passes: float, batch_tokens: int, most_tokens: int, rng: random.Random
) -> list[list[int]]:
    """Return the batches of a training: indices of dialogues of about equal length, in random order.

    Args:
        dialogues: What is trained on.
        passes: How often each is seen.
        batch_tokens: Tokens of a batch, with padding.
        most_tokens: Tokens of a dialogue at most.
        rng: Of the order.
    """
    lengths = [min(len(one.encoded.ids), most_tokens) for one in dialogues]
    batches: list[list[int]] = []
    whole = int(np.ceil(passes))
    for _ in range(whole):
        batches += _batches(lengths, batch_tokens, rng)
    return batches[: max(2, int(len(batches) * passes / whole))]


def _batches(lengths: Sequence[int], batch_tokens: int, rng: random.Random) -> list[list[int]]:
    """Return the batches of one pass."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index] + rng.random() * LENGTH_JITTER)
    batches: list[list[int]] = [[]]
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if batches[-1] and longest * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    rng.shuffle(batches)
    return batches
