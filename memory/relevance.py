"""Relevance of past turns to a text, the weighted mean that `RecallWeights` describes; of near-duplicates, one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..contract import Memory, RecallWeights, Why
from ..contract.text import NEGATIONS, matching_words

_SECONDS_PER_DAY = 86_400.0
_MAX_LENGTH_WORDS = 30
"""Distinct words from which on the length of a turn counts 1."""
_SCORE_DECIMALS = 6
"""Decimals to which two scores are compared; of equals the newest comes first."""
_MIN_JACCARD = 0.9
"""Jaccard similarity of the content words from which on two turns are duplicates."""
_NEGATIONS = NEGATIONS | set(
    "nobody cant dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt wont wouldnt couldnt shouldnt".split()
)
"""Words that reverse the meaning of a sentence."""
_SHARE_DECIMALS = 4
_STOP_WORDS = frozenset(
    "a again also and at but i im in is it just much my of oh ok really so still the to too very was".split()
)
"""Words in which two turns that say the same may differ."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A past turn that may be recalled."""

    memory: Memory
    """The turn."""
    similarity: float | None
    """Cosine of its nearest vector to the query's; None where it has no vector."""
    parts: Mapping[str, float] | None = None
    """What each part of the relevance adds to it, by the name of its weight; None where nothing was compared."""

    def with_why(self) -> Memory:
        """Return the turn with why it is recalled."""
        parts = self.parts or {}
        total = sum(parts.values())
        shares = {name: round(part / total, _SHARE_DECIMALS) for name, part in parts.items()} if total else {}
        return self.memory.model_copy(update={"why": Why.model_validate(shares)})


def rank(candidates: Sequence[Candidate], query: str, weights: RecallWeights, now: float) -> list[Candidate]:
    """Return the candidates that bear on a query with their score, the most relevant first, of equals the newest.

    Where no candidate has a vector, a turn's length says nothing about the query and is left out; a blank
    query leaves the newest first, without a score.

    Args:
        candidates: Past turns.
        query: Text that they should bear on.
        weights: Weights of the parts of relevance.
        now: Unix time in seconds that a turn's age is measured from.
    """
    if not query.strip():
        return sorted(candidates, key=lambda candidate: candidate.memory.time, reverse=True)
    candidates = [
        candidate
        for candidate in candidates
        if candidate.similarity is None or candidate.similarity >= weights.min_similarity
    ]
    if all(candidate.similarity is None for candidate in candidates):
        weights = weights.model_copy(update={"similarity": 0.0, "length": 0.0})
    overlaps = idf_overlap(query, [candidate.memory.text for candidate in candidates])
    scored = [
        _scored(candidate, overlap, weights, now) for candidate, overlap in zip(candidates, overlaps, strict=True)
    ]
    return sorted(scored, key=_rank_key, reverse=True)


def idf_overlap(query: str, texts: Sequence[str]) -> list[float]:
    """Return for each text the share of the query's words that it contains, from 0 to 1.

    A word counts by its inverse document frequency (IDF) among these texts (as in BM25, Robertson and Zaragoza 2009,
    equation 3.3, kept above zero), so that a name that was said once weighs more than "the".
    """
    word_sets = [frozenset(matching_words(text)) for text in texts]
    idf: dict[str, float] = {}
    for word in dict.fromkeys(matching_words(query)):
        frequency = sum(word in word_set for word_set in word_sets)
        idf[word] = math.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
    total = sum(idf.values())
    return [
        sum(value for word, value in idf.items() if word in word_set) / total if total else 0.0
        for word_set in word_sets
    ]


def _scored(candidate: Candidate, overlap: float, weights: RecallWeights, now: float) -> Candidate:
    memory = candidate.memory
    distinct_words = len(set(matching_words(memory.text)))
    age_days = max(0.0, now - memory.time) / _SECONDS_PER_DAY
    parts = {
        "similarity": max(0.0, candidate.similarity or 0.0),
        "lexical": overlap,
        "length": min(1.0, math.log1p(distinct_words) / math.log1p(_MAX_LENGTH_WORDS)),
        "recency": 0.5 ** (age_days / weights.half_life_days),
    }
    if memory.probability is not None:
        parts["emotion"] = memory.probability
    total = sum(getattr(weights, name) for name in parts)
    weighted = {name: getattr(weights, name) * part for name, part in parts.items()}
    score = sum(weighted.values()) / total if total else 0.0
    return Candidate(memory.model_copy(update={"score": score}), candidate.similarity, weighted)


def _rank_key(candidate: Candidate) -> tuple[float, float]:
    return round(candidate.memory.score or 0.0, _SCORE_DECIMALS), candidate.memory.time


def drop_duplicates(candidates: Iterable[Candidate], limit: int, others: Sequence[Memory] = ()) -> list[Candidate]:
    """Return the first candidates of which no two are near-duplicates, in their order.

    Args:
        candidates: The best first; of near-duplicates the first is kept.
        limit: How many at most.
        others: Turns that they must not be near-duplicates of, either.
    """
    distinct: list[Candidate] = []
    texts = [other.text for other in others]
    for candidate in candidates:
        if len(distinct) >= limit:
            break
        if not any(is_duplicate(candidate.memory.text, text) for text in texts):
            distinct.append(candidate)
            texts.append(candidate.memory.text)
    return distinct


def is_duplicate(text: str, other: str) -> bool:
    """Return whether two texts say the same: nearly the same words, the same numbers, and no other negation.

    Nearly the same: the Jaccard similarity (Jaccard 1912) of their sets of content words is 0.9 or more.
    """
    content, other_content = content_words(text), content_words(other)
    if any(word in _NEGATIONS or word.isdecimal() for word in content ^ other_content):
        return False
    return len(content & other_content) >= _MIN_JACCARD * len(content | other_content)


def content_words(text: str) -> frozenset[str]:
    """Return the words of a text in which two turns that say the same agree; all of them where it has no such word."""
    text_words = frozenset(matching_words(text))
    return text_words - _STOP_WORDS or text_words
