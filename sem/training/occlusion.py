"""What each word of a sentence is worth to its label: cause targets from sentence labels alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...contract import Turn
from ..cause_ranking import without
from .cause_data import MarkedDialogue
from .cause_features import Features, read_features
from .data import Conversation, Sample
from .forward import Forward
from .network import EmotionNetwork

SENTENCES = 4000
"""How many situations are read, each as often as it has content words."""
SHARPNESS = 0.3
"""Nats of lost log-probability that make a word e times the target of another."""


def occluded(
    network: EmotionNetwork,
    forward: Forward,
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> list[Features]:
    """Return features of situations whose targets are the log-probability that the label loses without each word.

    Occlusion: Zeiler & Fergus, ECCV 2014.

    Args:
        network: The finished emotion network.
        forward: How it reads.
        conversations: Training conversations; those without a situation are left out.
        labels: Emotions in the order of the network's logits.
        seed: Of which situations are read.
    """
    told = [one for one in conversations if one.situation]
    random.Random(seed).shuffle(told)
    rows = [
        MarkedDialogue((Turn("speaker", one.situation),), one.emotion, (), (), one.conv_id) for one in told[:SENTENCES]
    ]
    features = read_features(network, forward.encoder, rows, labels)
    whole = _shares(network, forward, [Sample(row.turns, row.emotion, row.conv_id) for row in rows])
    pairs = [(index, word) for index, one in enumerate(features) for word in one.words]
    left = _shares(network, forward, [Sample(tuple(without(rows[i].turns, word)), "", "") for i, word in pairs])
    lost: list[list[Tensor]] = [[] for _ in rows]
    for (index, _), shares in zip(pairs, left, strict=True):
        column = features[index].column
        lost[index].append(whole[index, column] - shares[column])
    return [
        replace(one, gold=(torch.stack(loss) / SHARPNESS).softmax(0)) if loss else one
        for one, loss in zip(features, lost, strict=True)
    ]


def _shares(network: EmotionNetwork, forward: Forward, samples: Sequence[Sample]) -> Tensor:
    """Return log-probabilities, [samples, labels]."""
    return torch.from_numpy(forward.logits(network, samples)).log_softmax(-1)
