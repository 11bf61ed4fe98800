"""How much a past turn bears on what is said now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..contract import Memory, RecallWeights
from ..contract.text import matching_words

_DAY = 86_400.0
_TELLING = 30
"""Distinct words from which on a turn is as detailed as can be."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A past turn that may be recalled."""

    memory: Memory
    """The turn."""
    meaning: float | None
    """Cosine of its nearest vector to the query's; None where it has no vector."""


def rank(candidates: Sequence[Candidate], query: str, weights: RecallWeights, now: float) -> list[Candidate]:
    """Return the candidates that bear on a query with their score, the most relevant first, of equals the newest.

    The score is the weighted mean that `RecallWeights` describes. Where no candidate has a vector, a turn's
    detail says nothing about the query and is left out; a blank query leaves the newest first, without a score.

    Args:
        candidates: Past turns.
        query: What they should bear on.
        weights: What counts how much.
        now: Unix time in seconds that a turn's age is measured from.
    """
    if not query.strip():
        return sorted(candidates, key=_newest, reverse=True)
    candidates = [found for found in candidates if found.meaning is None or found.meaning >= weights.min_similarity]
    if all(candidate.meaning is None for candidate in candidates):
        weights = weights.model_copy(update={"similarity": 0.0, "length": 0.0})
    shared = shared_words(query, [candidate.memory.text for candidate in candidates])
    scored = [
        Candidate(
            candidate.memory.model_copy(update={"score": _score(candidate, share, weights, now)}), candidate.meaning
        )
        for candidate, share in zip(candidates, shared, strict=True)
    ]
    return sorted(scored, key=lambda found: (round(found.memory.score or 0.0, 6), _newest(found)), reverse=True)


def shared_words(query: str, texts: Sequence[str]) -> list[float]:
    """Return for each text which share of the query's words it holds, from 0 to 1.

    A word counts by its inverse document frequency among these texts (as in BM25, Robertson and Zaragoza 2009,
    equation 3.3, kept above zero), so that a name that was said once weighs more than "the".
    """
    held = [frozenset(matching_words(text)) for text in texts]
    rarity: dict[str, float] = {}
    for word in dict.fromkeys(matching_words(query)):
        count = sum(word in found for found in held)
        rarity[word] = math.log(1 + (len(texts) - count + 0.5) / (count + 0.5))
    whole = sum(rarity.values())
    return [sum(value for word, value in rarity.items() if word in found) / whole if whole else 0.0 for found in held]


def _score(candidate: Candidate, share: float, weights: RecallWeights, now: float) -> float:
    memory = candidate.memory
    figures = {
        "similarity": max(0.0, candidate.meaning or 0.0),
        "lexical": share,
        "length": min(1.0, math.log1p(len(set(matching_words(memory.text)))) / math.log1p(_TELLING)),
        "recency": 0.5 ** (max(0.0, now - memory.time) / (weights.half_life_days * _DAY)),
        "emotion": memory.probability or 0.0,
    }
    whole = sum(getattr(weights, name) for name in figures)
    return sum(getattr(weights, name) * figure for name, figure in figures.items()) / whole if whole else 0.0


def _newest(candidate: Candidate) -> float:
    return candidate.memory.time
