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


class TopicCut(BaseModel):
    """A logistic model of cuts between turns: how similar what follows a cut is to what stands before it.

    Token features are the outputs of `heads` small maps side by side. For each cut, cosines of each map compare the
    exchange before the cut with all turns behind it and with the first of them, and all turns before the cut with all
    behind it. The scores of all cuts and 0 for "no cut" go through a softmax.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: int = Field(ge=1, description="Number of maps")
    weights: tuple[float, ...] = Field(description="Weight of each cosine, then of each length")
    bias: float = Field(description="Score of a cut whose features are all 0")
    threshold: float = Field(gt=0, lt=1, description="Probability of a change at which both readings count equally")
    slope: float = Field(default=4.0, gt=0, description="How fast the share rises with the logit of that probability")

    @model_validator(mode="after")
    def _check_weights(self) -> TopicCut:
        if len(self.weights) != self.heads * PARTS + LENGTHS:
            raise ValueError(f"{len(self.weights)} weights; {self.heads} maps need {self.heads * PARTS + LENGTHS}")
        return self

    def current_topic(self, encoded: Encoded, tokens: Array, speakers: Sequence[bool]) -> tuple[int, float]:
        """Return the first turn behind the likeliest cut, and the share of a reading of the turns from there on.

        The other share is that of a reading of the whole dialogue. A share near 0 is given as 0, with turn 0; one near
        1 as 1.
        """
        probabilities = self.probabilities(encoded, tokens, speakers)
        if not probabilities:
            return 0, 0.0
        share = 1 / (1 + exp(-self.slope * (_logit(sum(probabilities.values())) - _logit(self.threshold))))
        if share < ONE_READING:
            return 0, 0.0
        turn = max(probabilities, key=lambda cut: probabilities[cut])
        return turn, share if share <= 1 - ONE_READING else 1.0

    def probabilities(self, encoded: Encoded, tokens: Array, speakers: Sequence[bool]) -> dict[int, float]:
        """Return the probability of each cut, by the turn that follows it; what is missing to 1 is that of none.

        Args:
            encoded: The dialogue.
            tokens: Features of its tokens, [tokens, heads · width], with or without padding.
            speakers: For each turn of the dialogue whether the speaker says it.
        """
        cuts = cut_features(encoded, tokens, speakers, self.heads)
        if not cuts:
            return {}
        scores = np.array([cut.features @ np.array(self.weights) + self.bias for cut in cuts])
        odds = np.exp(scores - max(0.0, scores.max()))
        total = odds.sum() + np.exp(-max(0.0, scores.max()))
        return {cut.turn: float(share / total) for cut, share in zip(cuts, odds, strict=True)}


class Cut(NamedTuple):
    """A place between two turns."""

    turn: int
    """Index of the turn behind it."""
    features: Array
    """Cosines and lengths, [heads · 3 + 2]."""


class Passages(NamedTuple):
    """Mean token features of the passages around a cut, each [heads · width], and their lengths in tokens."""

    turn: int
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
            passages.append(Passages(turn, *parts, np.asarray(np.log1p(own) / 3, dtype=np.float32)))
    return passages


def cut_features(encoded: Encoded, tokens: Array, speakers: Sequence[bool], heads: int) -> list[Cut]:
    """Return the features of each cut before a speaker's turn."""
    return [Cut(part.turn, passage_features(part, heads)) for part in cut_passages(encoded, tokens, speakers)]


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
