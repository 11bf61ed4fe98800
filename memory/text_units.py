"""A turn's words, and the clauses it is also found by."""

from __future__ import annotations

import re

MOST = 12
"""Clauses at most of one turn; a longer turn's are joined, neighbours first."""
_BETWEEN = re.compile(r"[.,;:!?…]+\s+|\s+[–—]\s+|\s(?:and|but|because)\s")
_WORD = re.compile(r"[^\W_]+")


def clauses(text: str) -> list[str]:
    """Return the clauses of a turn that has several, each of two words or more.

    A turn often tells of two things, and the vector of the whole lies between them: each clause is embedded, too.
    """
    found = [clause for clause in map(str.strip, _BETWEEN.split(text)) if len(clause.split()) > 1]
    size = -(-len(found) // MOST)
    joined = [", ".join(found[start : start + size]) for start in range(0, len(found), size or 1)]
    return joined if len(joined) > 1 else []


def words(text: str) -> list[str]:
    """Return the words of a text without case and apostrophes, in order."""
    return _WORD.findall(text.casefold().replace("'", "").replace("’", ""))
