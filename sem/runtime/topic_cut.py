"""Where the current topic of a dialogue begins, from features of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .encoding import Encoded

Array = NDArray[np.float32]
PARTS = 3
"""Pairs of passages that are compared for each cut."""
LENGTHS = 2
"""Lengths that are read for each cut."""
ONE_READING = 0.05
"""Share of a reading below which it is not made."""


class CurrentTopic(NamedTuple):
    """Which turns belong to the topic of the last one."""

    turns: tuple[int, ...]
    """Their indices, rising; empty where the topic does not change."""
    share: float
    """Share of a reading of these turns alone; the other share is that of a reading of the whole dialogue."""


NO_CHANGE = CurrentTopic((), 0.0)


class TopicCut(BaseModel):
    """A logistic model of cuts between turns: how similar what follows a cut is to what stands before it.

    Token features are the outputs of `heads` small maps side by side. For each cut, cosines of each map compare the
    exchange before the cut with all turns behind it and with the first of them, and all turns before the cut with all
    behind it. The scores of all cuts and 0 for "no cut" go through a softmax. An exchange before the likeliest cut
    belongs to the current topic, too, where it is like the turns behind the cut: people return to what they spoke of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: int = Field(ge=1, description="Number of maps")
    weights: tuple[float, ...] = Field(description="Weight of each cosine, then of each length")
    bias: float = Field(description="Score of a cut whose features are all 0")
    threshold: float = Field(gt=0, lt=1, description="Probability of a change at which both readings count equally")
    slope: float = Field(default=4.0, gt=0, description="How fast the share rises with the logit of that probability")
    membership: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Mean cosine with the turns behind the cut from which an earlier exchange belongs to their topic",
    )

    @model_validator(mode="after")
    def _check_weights(self) -> TopicCut:
        if len(self.weights) != self.heads * PARTS + LENGTHS:
            raise ValueError(f"{len(self.weights)} weights; {self.heads} maps need {self.heads * PARTS + LENGTHS}")
        return self

    def current_topic(self, encoded: Encoded, tokens: Array, speakers: Sequence[bool]) -> CurrentTopic:
        """Return the turns behind the likeliest cut and the earlier ones that are like them, with their share.

        A share near 0 is no change of topic, one near 1 is given as 1.

        Args:
            encoded: The dialogue.
            tokens: Features of its tokens, [tokens, heads · width], with or without padding.
            speakers: For each turn of the dialogue whether the speaker says it.
        """
        passages = cut_passages(encoded, tokens, speakers)
        probabilities = self._probabilities(passages)
        if not probabilities:
            return NO_CHANGE
        share = 1 / (1 + exp(-self.slope * (_logit(sum(probabilities.values())) - _logit(self.threshold))))
        if share < ONE_READING:
            return NO_CHANGE
        turn = max(probabilities, key=lambda cut: probabilities[cut])
        topic = next(part for part in passages if part.turn == turn).all_after
        members = set(range(turn, len(speakers)))
        for part in passages:
            if part.turn <= turn and _cosines(part.exchange_before, topic, self.heads).mean() >= self.membership:
                members.update(part.exchange)
        if members.issuperset({offset[0] for offset in encoded.offsets if offset}):
            return NO_CHANGE
        return CurrentTopic(tuple(sorted(members)), share if share <= 1 - ONE_READING else 1.0)

    def probabilities(self, encoded: Encoded, tokens: Array, speakers: Sequence[bool]) -> dict[int, float]:
        """Return the probability of each cut, by the turn that follows it; what is missing to 1 is that of none."""
        return self._probabilities(cut_passages(encoded, tokens, speakers))

    def _probabilities(self, passages: Sequence[Passages]) -> dict[int, float]:
        if not passages:
            return {}
        weights = np.array(self.weights)
        scores = np.array([passage_features(part, self.heads) @ weights + self.bias for part in passages])
        odds = np.exp(scores - max(0.0, scores.max()))
        total = odds.sum() + np.exp(-max(0.0, scores.max()))
        return {part.turn: float(share / total) for part, share in zip(passages, odds, strict=True)}


class Passages(NamedTuple):
    """Mean token features of the passages around a cut, each [heads · width], and their lengths in tokens."""

    turn: int
    """Index of the turn behind the cut."""
    exchange: tuple[int, ...]
    """Indices of the turns of the exchange before it."""
    exchange_before: Array
    all_before: Array
    first_after: Array
    all_after: Array
    lengths: Array


def cut_passages(encoded: Encoded, tokens: Array, speakers: Sequence[bool]) -> list[Passages]:
    """Return the passages around each cut before a speaker's turn, in the order of turns."""
    turn_of_token = [offset[0] if offset else -1 for offset in encoded.offsets]
    places: dict[int, list[int]] = {}
    for place, turn in enumerate(turn_of_token):
        if turn >= 0:
            places.setdefault(turn, []).append(place)
    sums = {turn: tokens[own].sum(axis=0) for turn, own in places.items()}
    counts = {turn: len(own) for turn, own in places.items()}
    order = sorted(sums)

    def mean(turns: Sequence[int]) -> Array:
        return np.asarray(sum(sums[turn] for turn in turns) / sum(counts[turn] for turn in turns), dtype=np.float32)

    passages: list[Passages] = []
    for index, turn in enumerate(order):
        if index and speakers[turn]:
            before, after = order[:index], order[index:]
            own = np.array([counts[turn], sum(counts[other] for other in before[-2:])], dtype=np.float32)
            parts = mean(before[-2:]), mean(before), mean(after[:1]), mean(after)
            passages.append(Passages(turn, tuple(before[-2:]), *parts, np.asarray(np.log1p(own) / 3, dtype=np.float32)))
    return passages


def passage_features(part: Passages, heads: int) -> Array:
    """Return the cosines of the passages around a cut, and the lengths."""
    pairs = (
        (part.exchange_before, part.all_after),
        (part.all_before, part.all_after),
        (part.exchange_before, part.first_after),
    )
    cosines = [_cosines(one, other, heads) for one, other in pairs]
    return np.asarray(np.concatenate([*cosines, part.lengths]), dtype=np.float32)


def _cosines(one: Array, other: Array, heads: int) -> Array:
    one, other = one.reshape(heads, -1), other.reshape(heads, -1)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / np.maximum(norms, 1e-6), dtype=np.float32)


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return log(bounded / (1 - bounded))
