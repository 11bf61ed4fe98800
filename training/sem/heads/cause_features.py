"""What the cause head reads of a dialogue, computed once on the frozen trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....contract.dialogue import Word
from ....data.cause_annotations import MarkedDialogue
from ....sem.runtime.cause_ranking import candidates, word_tokens
from ....sem.runtime.encoding import DialogueEncoder, Encoded, pad
from ..emotion_network import EmotionNetwork
from .cause_head import join, over_labels

READ = 32
"""Dialogues a pass of the trunk."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the head reads of one dialogue: the tokens of its candidate words."""

    words: tuple[Word, ...]
    """Candidates inside the window."""
    joined: Tensor
    """The chosen hidden states of their tokens side by side, [tokens, layers · width], half precision."""
    said: Tensor
    """How much more each says for the emotion than for all on average, [tokens]."""
    ids: Tensor
    """Their token ids, [tokens]."""
    owner: Tensor
    """Which of the words each token belongs to, [tokens]."""
    gold: Tensor
    """How much each word is a cause, [words]: 1 for those that people marked, or shares."""
    column: int
    """Index of the emotion."""


def layers_of(depth: int) -> tuple[int, ...]:
    """Return which hidden states a head reads of a trunk of so many layers: the embeddings to the last, evenly."""
    return tuple(sorted({0, depth // 3, 2 * depth // 3, depth}))


def read_features(
    network: EmotionNetwork, encoder: DialogueEncoder, rows: Sequence[MarkedDialogue], labels: Sequence[str]
) -> list[Features]:
    """Run the trunk once over all rows and keep what the head reads."""
    encoded = encoder.batch([row.turns for row in rows])
    order = sorted(range(len(rows)), key=lambda i: len(encoded[i].ids))
    made: dict[int, Features] = {}
    network.eval()
    device = network.classifier.weight.device
    for start in range(0, len(order), READ):
        part = order[start : start + READ]
        tensors = {name: torch.from_numpy(array).to(device) for name, array in pad([encoded[i] for i in part]).items()}
        with torch.no_grad():
            read = network(**tensors)
            joined = join(read.layers, layers_of(network.depth)).half().cpu()
            said = over_labels(read.token_logits.float()).cpu()
        for index, states, says in zip(part, joined, said, strict=True):
            made[index] = _features(rows[index], encoded[index], states, says, labels)
    return [made[index] for index in range(len(rows))]


def _features(row: MarkedDialogue, encoded: Encoded, states: Tensor, says: Tensor, labels: Sequence[str]) -> Features:
    spread = {word: word_tokens(encoded, word) for word in candidates(row.turns, light=True)}
    words = tuple(word for word, places in spread.items() if places)
    tokens = [place for word in words for place in spread[word]]
    marked, column = set(row.places), list(labels).index(row.emotion)
    return Features(
        words=words,
        joined=states[tokens],
        said=says[tokens, column],
        ids=torch.tensor([encoded.ids[place] for place in tokens], dtype=torch.long),
        owner=torch.tensor([number for number, word in enumerate(words) for _ in spread[word]], dtype=torch.long),
        gold=torch.tensor([float(word in marked) for word in words]),
        column=column,
    )
