"""Turns that say the same again: of these one is recalled."""

from __future__ import annotations

from collections.abc import Iterable

from ..contract import Memory
from ..contract.text import NEGATIONS, matching_words

_SAME = 0.9
"""Share of common words from which on two turns say the same."""
_NEGATIONS = NEGATIONS | set(
    "nobody cant dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt wont wouldnt couldnt shouldnt".split()
)
"""Words that turn a sentence into its opposite."""
_STOP_WORDS = frozenset(
    "a again also and at but i im in is it just much my of oh ok really so still the to too very was".split()
)
"""Words that two tellings of the same may differ in."""


def distinct(memories: Iterable[Memory], limit: int) -> list[Memory]:
    """Return the first memories that say something each, in their order.

    Args:
        memories: The best first; of near-duplicates the first is kept.
        limit: How many at most.
    """
    kept: list[Memory] = []
    for memory in memories:
        if len(kept) >= limit:
            break
        if not any(same(memory.text, other.text) for other in kept):
            kept.append(memory)
    return kept


def same(one: str, other: str) -> bool:
    """Say whether two texts tell the same: nearly the same words, the same numbers, and no other negation."""
    first, second = _content_words(one), _content_words(other)
    differing = first ^ second
    if any(word in _NEGATIONS or word.isdecimal() for word in differing):
        return False
    return len(first & second) >= _SAME * len(first | second)


def _content_words(text: str) -> frozenset[str]:
    said = frozenset(matching_words(text))
    return said - _STOP_WORDS or said
