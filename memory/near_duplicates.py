"""Near-duplicates: turns that say the same, of which one is recalled."""

from __future__ import annotations

from collections.abc import Iterable

from ..contract import Memory
from ..contract.text import NEGATIONS, matching_words

_MIN_JACCARD = 0.9
"""Jaccard similarity of the content words from which on two turns are duplicates."""
_NEGATIONS = NEGATIONS | set(
    "nobody cant dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt wont wouldnt couldnt shouldnt".split()
)
"""Words that reverse the meaning of a sentence."""
_STOP_WORDS = frozenset(
    "a again also and at but i im in is it just much my of oh ok really so still the to too very was".split()
)
"""Words in which two turns that say the same may differ."""


def drop_duplicates(memories: Iterable[Memory], limit: int) -> list[Memory]:
    """Return the first memories of which no two are near-duplicates, in their order.

    Args:
        memories: The best first; of near-duplicates the first is kept.
        limit: How many at most.
    """
    distinct: list[Memory] = []
    for memory in memories:
        if len(distinct) >= limit:
            break
        if not any(is_duplicate(memory.text, other.text) for other in distinct):
            distinct.append(memory)
    return distinct


def is_duplicate(text: str, other: str) -> bool:
    """Return whether two texts say the same: nearly the same words, the same numbers, and no other negation.

    Nearly the same: the Jaccard similarity (Jaccard 1912) of their sets of content words is 0.9 or more.
    """
    content, other_content = _content_words(text), _content_words(other)
    if any(word in _NEGATIONS or word.isdecimal() for word in content ^ other_content):
        return False
    return len(content & other_content) >= _MIN_JACCARD * len(content | other_content)


def _content_words(text: str) -> frozenset[str]:
    text_words = frozenset(matching_words(text))
    return text_words - _STOP_WORDS or text_words
