"""Weak cause targets from sentence labels alone, by occlusion (Zeiler & Fergus, ECCV 2014).

Two things are known of causes without a marked word: they carry content and do not name the
feeling itself ("shocked" predicts the label best, and is not the cause), and of two words the rarer
one is the more likely cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...contract.text import is_content_word
from ...data.cause_annotations import unannotated_situations
from ...data.conversations import Conversation, Sample
from ...sem.runtime.cause_ranking import without
from ...sem.taxonomy import Taxonomy
from .cause_head import CauseFeatures, read_features
from .emotion_network import EmotionNetwork, Forward

SENTENCES = 4000
"""Number of situations that are read, each once per content word."""
TEMPERATURE = 0.3
"""Nats of lost log-probability that make a word's target e times another's."""
RARITY = 0.2
"""Nats that a word gains per e-fold of its token's number; WordPiece numbers tokens by frequency."""


def occlusion_examples(
    network: EmotionNetwork,
    forward: Forward,
    conversations: Sequence[Conversation],
    taxonomy: Taxonomy,
    *,
    seed: int = 0,
) -> list[CauseFeatures]:
    """Return features of situations whose targets grow with the log-probability that the label loses without a word.

    Args:
        network: The finished emotion network.
        forward: Its forward pass.
        conversations: Training conversations; those without a situation are left out.
        taxonomy: Its labels are in the order of the network's logits; they and their synonyms name feelings.
        seed: Seed of the selection of situations.
    """
    rows = unannotated_situations(conversations, SENTENCES, seed)
    features = read_features(network, forward.encoder, rows, taxonomy.labels)
    complete = _log_probabilities(network, forward, [Sample(row.turns, row.emotion, row.conv_id) for row in rows])
    pairs = [(index, word) for index, example in enumerate(features) for word in example.words]
    occluded = _log_probabilities(
        network, forward, [Sample(tuple(without(rows[i].turns, word)), "", "") for i, word in pairs]
    )
    feelings = {_stem(word) for name in (*taxonomy.labels, *taxonomy.synonyms) for word in name.split()}
    evidence: list[list[Tensor]] = [[] for _ in rows]
    for (index, word), log_probabilities in zip(pairs, occluded, strict=True):
        example, text = features[index], rows[index].turns[0].text[word.start : word.end].lower()
        loss = complete[index, example.label] - log_probabilities[example.label]
        is_candidate = is_content_word(text) and _stem(text) not in feelings
        rarest = int(example.ids[example.word_index == len(evidence[index])].max())
        evidence[index].append(loss + RARITY * math.log(rarest + 1) if is_candidate else loss.new_tensor(-torch.inf))
    return [replace(example, targets=_targets(row)) for example, row in zip(features, evidence, strict=True)]


def _targets(evidence: list[Tensor]) -> Tensor:
    """Return shares of a sentence's words that sum to 1; all 0 if none may be a cause."""
    scores = torch.stack(evidence) if evidence else torch.zeros(0)
    return (scores / TEMPERATURE).softmax(0) if scores.isfinite().any() else torch.zeros(len(evidence))


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 3)]


def _log_probabilities(network: EmotionNetwork, forward: Forward, samples: Sequence[Sample]) -> Tensor:
    """Return log-probabilities, [samples, labels]."""
    return torch.from_numpy(forward.logits(network, samples)).log_softmax(-1)
