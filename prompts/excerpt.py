"""The part of a long text that bears most on another one, for a prompt that has no room for all of it."""

from __future__ import annotations

import re
from collections import Counter
from math import fsum

from ..contract.text import is_chinese, matching_words, may_be_cause

_CLAUSE = re.compile(r"[^.!?;,\n。！？；，]{1,100}(?:[.!?;,\n。！？；，]{1,9}|(?<=\s)|(?=\s)|)\s{0,20}")
"""A clause, or a piece of one that is long."""
_MAX_CHARACTERS = 20_000
"""Characters of a text that are searched."""


def excerpt(text: str, query: str, limit: int) -> str:
    """Return the neighbouring clauses of a text that share most with another one; `…` stands where others are left out.

    Words count the more, the fewer clauses of the text hold them. Where nothing is shared it is the whole text, for the
    caller to cut.

    Args:
        text: The text.
        query: What it should bear on.
        limit: Characters of a part at most; a text that is not longer is returned as it is.
    """
    if len(text) <= limit:
        return text
    clauses = list(_CLAUSE.finditer(text[:_MAX_CHARACTERS]))
    words = [_words(clause[0]) for clause in clauses]
    holding = Counter(word for clause in words for word in clause)
    word_weights = {word: 1 / holding[word] for word in _words(query) if word in holding}
    room = limit - 2
    first = last = end = 0
    best_score = 0.0
    for start in range(len(clauses) if word_weights else 0):
        end = max(end, start)
        while end < len(clauses) and clauses[end].end() - clauses[start].start() <= room:
            end += 1
        score = fsum(word_weights.get(word, 0.0) for word in set().union(*words[start:end]))
        if score and score >= best_score:  # of equal ones the last: what follows says more than what went before
            first, last, best_score = start, end, score
    if not best_score:
        return text
    while first and clauses[last - 1].end() - clauses[first - 1].start() <= room:
        first -= 1
    begin, end = clauses[first].start(), clauses[last - 1].end()
    return f"{'…' if begin else ''}{text[begin:end].strip()}{'…' if end < len(text) else ''}"


def _words(text: str) -> frozenset[str]:
    """Return the words of a text that say something; of Chinese each pair of characters."""
    words = matching_words(text)
    if is_chinese(text):
        return frozenset(word[start : start + 2] for word in words for start in range(max(1, len(word) - 1)))
    return frozenset(filter(may_be_cause, words))
