"""A spread of what is stored of a person, for a question after all of it: new, strong and telling turns, each apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain, islice, zip_longest

from ..contract import Memory, Why
from ..contract.text import is_chinese, matching_words, may_be_cause
from .broad_question import asks_for_all
from .relevance import is_duplicate

_MAX_RANKED = 1000
"""Turns that a spread is taken from, the newest ones."""
_MAX_SHARED = 0.3
"""Share of the words of the shorter turn above which two turns are about one subject."""
_MIN_WORDS = 2
"""Distinct words below which a turn tells nothing by itself."""


def spread(memories: Sequence[Memory], limit: int, pinned: Sequence[Memory] = ()) -> list[Memory]:
    """Return turns that stand for all that is stored, at most `limit`.

    In turn the newest, the one whose emotion was clearest and the one that tells most are taken, none about the
    subject of another one, as far as there are as many subjects; then any.

    Args:
        memories: The turns.
        limit: How many at most.
        pinned: Turns that are recalled before them.
    """
    words = cache(subject_words)  # of this call alone: each text is compared with many others
    newest_first = sorted(memories, key=lambda memory: memory.time, reverse=True)
    told = [memory for memory in newest_first if len(words(memory.text)) >= _MIN_WORDS] or newest_first
    newest = list(islice((memory for memory in told if not asks_for_all(memory.text)), _MAX_RANKED))
    strongest = sorted((memory for memory in newest if memory.emotion), key=_strength, reverse=True)
    most = sorted(newest, key=lambda memory: len(words(memory.text)), reverse=True)
    in_turn = {memory.id: memory for memory in chain(*zip_longest(newest, strongest, most)) if memory}

    def is_same_subject(memory: Memory, other: Memory) -> bool:
        return _is_one_subject(words(memory.text), words(other.text))

    chosen: list[Memory] = []
    for is_told in (is_same_subject, _is_same):
        for memory in in_turn.values():
            if len(chosen) >= limit:
                break
            if not any(is_told(memory, other) for other in (*pinned, *chosen)):
                chosen.append(memory)
    return [memory.model_copy(update={"why": Why(by="broad_question")}) for memory in chosen]


def subject_words(text: str) -> frozenset[str]:
    """Return the words that say what a text is about; of Chinese, which has no blanks, each pair of characters."""
    words = matching_words(text)
    if is_chinese(text):
        return frozenset(word[start : start + 2] for word in words for start in range(max(1, len(word) - 1)))
    return frozenset(filter(may_be_cause, words))


def _strength(memory: Memory) -> float:
    return 1.0 if memory.confirmed else memory.probability or 0.0


def _is_one_subject(words: frozenset[str], others: frozenset[str]) -> bool:
    return len(words & others) > _MAX_SHARED * min(len(words), len(others))


def _is_same(memory: Memory, other: Memory) -> bool:
    return memory.id == other.id or is_duplicate(memory.text, other.text)
