"""What a short English text denies: "not sad but angry", "sad does not fit", "neither sad nor lonely"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

REACH = 4
"""How many words after a "not" it may stand before what it denies."""
_BACK = 2
"""How many words before a "not" that which it denies may end, as in "sad does not fit"."""
_PIECE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[.!?;:,\n()\[\]{}—–|/]|\s-+\s")
_HARD = ".!?;:\n"
_NOT = frozenset({"not", "never", "no", "without", "cannot", "hardly", "nor"})
_LIST_NEGATIONS = frozenset({"neither", "none", "nothing", "instead", "rather"})
_NOT_ALONE = frozenset({"only", "just", "merely", "simply"})
_OPENING = {"neither": "", "none": "of", "nothing": "", "instead": "of", "rather": "than"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of words up to a punctuation mark or a "but"."""

    words: tuple[str, ...]
    """In lower case."""
    end: str
    """The mark that ends it; a line break where the text ends, "but" before that word."""
    lead: tuple[str, ...] = ()
    """The words before the colon or quotation that this clause follows."""


def clauses(text: str) -> list[Clause]:
    """Return the clauses of a text that hold words."""
    found: list[Clause] = []
    words: list[str] = []
    lead: tuple[str, ...] = ()
    for piece in [*_PIECE.findall(text.lower().replace("’", "'")), "\n"]:
        mark = piece.strip(" -") if piece[0].isspace() and piece != "\n" else piece
        if piece[0].isalnum() and piece != "but":
            words.append(piece)
            continue
        if words:
            found.append(Clause(tuple(words), mark or "-", lead))
            lead = tuple(words) if mark == ":" else ()
        elif found and (mark == "but" or mark in _HARD) and found[-1].end not in _HARD:
            found[-1] = replace(found[-1], end=mark)
        words = []
    return found


def denied(parts: Sequence[Clause], mentions: Sequence[Sequence[tuple[int, int]]]) -> set[tuple[int, int]]:
    """Return which mentions are denied, as clause and first word.

    Args:
        parts: The clauses of a text.
        mentions: For each clause the first word of each mention and the word after it.
    """
    found: set[tuple[int, int]] = set()
    open_list = False
    for at, (clause, spans) in enumerate(zip(parts, mentions, strict=True)):
        if open_list:
            found |= {(at, start) for start, _ in spans}
        if clause.words == ("no",) and at:
            found |= {(at - 1, start) for start, _ in mentions[at - 1]}
        taken = {place for start, end in spans for place in range(start, end)}
        for place in range(len(clause.words)):
            if place not in taken and (kind := _denies(clause.words, place)):
                hit = {(at, start) for start in _hit(spans, place, kind)}
                found |= hit
                open_list = open_list or (kind == "list" and bool(hit))
        open_list = open_list and clause.end not in _HARD and clause.end != "but"
    return found


def _denies(words: Sequence[str], place: int) -> str:
    """Return whether a word denies what is near it (`near`), all up to the sentence's end (`list`), or nothing."""
    word, after = words[place], words[place + 1] if place + 1 < len(words) else ""
    if word in _LIST_NEGATIONS:
        return "list" if _OPENING[word] in ("", after) else ""
    if (word in _NOT or word.endswith("n't")) and after not in _NOT_ALONE:
        return "near"
    return ""


def _hit(spans: Sequence[tuple[int, int]], place: int, kind: str) -> list[int]:
    """Return the mentions that a denial reaches: what follows it, else what stands right before it."""
    following = [(start, end) for start, end in spans if start > place]
    if not following and kind == "near":
        return [start for start, end in spans if place - end < _BACK]
    reach, found = place + REACH, list[int]()
    for start, end in following:
        if kind == "list" or start <= reach:
            found.append(start)
            reach = max(reach, end + 1)  # "not sad or angry"
    return found
