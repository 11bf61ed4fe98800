"""What each word of a sentence is worth to its label: cause targets from sentence labels alone.

Two things are known of causes without a marked word: they carry content and do not name the
feeling itself ("shocked" tells the label best, and is not why), and of two words the rarer one
is the likelier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...contract.text import is_content_word
from ...data.cause_annotations import unmarked_situations
from ...data.conversations import Conversation, Sample
from ...sem.runtime.cause_ranking import without
from ...sem.taxonomy import Taxonomy
from .emotion_network import EmotionNetwork
from .forward import Forward
from .heads.cause_features import Features, read_features

SENTENCES = 4000
"""How many situations are read, each as often as it has content words."""
SHARPNESS = 0.3
"""Nats of lost log-probability that make a word e times the target of another."""
RARITY = 0.2
"""Nats that a word gains for each e-fold of its token's number; WordPiece numbers tokens by how often they occur."""


def occluded(
    network: EmotionNetwork,
    forward: Forward,
    conversations: Sequence[Conversation],
    taxonomy: Taxonomy,
    *,
    seed: int = 0,
) -> list[Features]:
    """Return features of situations whose targets grow with the log-probability that the label loses without a word.

    Occlusion: Zeiler & Fergus, ECCV 2014.

    Args:
        network: The finished emotion network.
        forward: How it reads.
        conversations: Training conversations; those without a situation are left out.
        taxonomy: Its labels stand in the order of the network's logits; they and their synonyms name feelings.
        seed: Of which situations are read.
    """
    rows = unmarked_situations(conversations, SENTENCES, seed)
    features = read_features(network, forward.encoder, rows, taxonomy.labels)
    whole = _shares(network, forward, [Sample(row.turns, row.emotion, row.conv_id) for row in rows])
    pairs = [(index, word) for index, one in enumerate(features) for word in one.words]
    left = _shares(network, forward, [Sample(tuple(without(rows[i].turns, word)), "", "") for i, word in pairs])
    feelings = {_stem(word) for name in (*taxonomy.labels, *taxonomy.synonyms) for word in name.split()}
    worth: list[list[Tensor]] = [[] for _ in rows]
    for (index, word), shares in zip(pairs, left, strict=True):
        one, text = features[index], rows[index].turns[0].text[word.start : word.end].lower()
        lost = whole[index, one.column] - shares[one.column]
        tells = is_content_word(text) and _stem(text) not in feelings
        rarest = int(one.ids[one.owner == len(worth[index])].max())
        worth[index].append(lost + RARITY * math.log(rarest + 1) if tells else lost.new_tensor(-torch.inf))
    return [replace(one, gold=_targets(held)) for one, held in zip(features, worth, strict=True)]


def _targets(worth: list[Tensor]) -> Tensor:
    """Return shares of a sentence's words that sum to 1; all 0 where none may be a cause."""
    held = torch.stack(worth) if worth else torch.zeros(0)
    return (held / SHARPNESS).softmax(0) if held.isfinite().any() else torch.zeros(len(worth))


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 3)]


def _shares(network: EmotionNetwork, forward: Forward, samples: Sequence[Sample]) -> Tensor:
    """Return log-probabilities, [samples, labels]."""
    return torch.from_numpy(forward.logits(network, samples)).log_softmax(-1)
