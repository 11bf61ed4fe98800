"""How much each word speaks for an emotion, from a network's scores for its tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..contract import Dialogue
from .cause_ranking import Word, candidates, without, word_scores
from .onnx_network import Array, OnnxNetwork

Scored = tuple[list[Word], list[float]]
"""Words, and one score each; higher speaks more for the emotion."""
SHORTLIST = 16
"""How many words of a dialogue are left out one by one."""


def marked(network: OnnxNetwork, dialogues: Sequence[Dialogue], columns: Sequence[int]) -> Iterator[Scored]:
    """Yield each dialogue's words with the score that the cause head gives them, in one pass.

    Args:
        network: Has an output `causes`, [batch, tokens, labels].
        dialogues: What is read.
        columns: The label whose causes are sought, one a dialogue.
    """
    encoded = network.encode(dialogues)
    (tokens,) = network.run(encoded, "causes")
    for dialogue, item, rows, column in zip(dialogues, encoded, tokens, columns, strict=True):
        held = word_scores(item, candidates(dialogue, light=True), rows[:, column].tolist())
        yield list(held), list(held.values())


def left_out(network: OnnxNetwork, dialogues: Sequence[Dialogue], columns: Sequence[int]) -> Iterator[Scored]:
    """Yield the words that carry an emotion most, with the log-probability that is lost without each.

    Words whose tokens contribute most to the emotion's logit (class activation mapping, Zhou et
    al., CVPR 2016) are left out one by one (occlusion, Zeiler & Fergus, ECCV 2014).

    Args:
        network: Has outputs `logits` and `token_logits`.
        dialogues: What is read.
        columns: The label whose causes are sought, one a dialogue.
    """
    encoded = network.encode(dialogues)
    whole, tokens = network.run(encoded, "logits", "token_logits")
    words = [
        _shortlist(word_scores(item, candidates(dialogue), rows[:, column].tolist()))
        for dialogue, item, rows, column in zip(dialogues, encoded, tokens, columns, strict=True)
    ]
    pairs = [(index, word) for index, several in enumerate(words) for word in several]
    (left,) = network.run(network.encode([without(dialogues[i], word) for i, word in pairs]), "logits")
    scores: list[list[float]] = [[] for _ in dialogues]
    for (index, _), logits in zip(pairs, left, strict=True):
        scores[index].append(_share(whole[index], columns[index]) - _share(logits, columns[index]))
    yield from zip(words, scores, strict=True)


def _shortlist(held: dict[Word, float]) -> list[Word]:
    best = set(sorted(held, key=lambda word: -held[word])[:SHORTLIST])
    return [word for word in held if word in best]


def _share(logits: Array, column: int) -> float:
    """Return the log-probability of one label."""
    top = float(logits.max())
    return float(logits[column]) - top - float(np.log(np.exp(logits - top).sum()))
