"""Read a choice out of what an LLM wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .negation import Clause, clauses, denied

MAX_WORDS_AMBIGUOUS = 12
"""Words at most of an answer that may name several choices, of which the first then counts."""
MAX_CHARS = 2000
"""Characters that are read at the beginning and at the end of an answer."""

_THOUGHT = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARKERS = frozenset({"answer", "emotion", "feeling", "label", "choice", "verdict", "hypothesis"})
_FILLERS = frozenset({"is", "the", "a", "an", "feels", "most", "likely", "would", "be"})
_SELF = frozenset({"i", "i'm", "im", "i'd", "i'll"})


@dataclass(frozen=True, slots=True)
class _Mention:
    """A place where a choice is named."""

    choice: str
    own: bool
    """Whether it is named by itself, not by a word that stands for it."""
    clause: int
    start: int
    """Index of its first word in its clause."""
    end: int


def parse_choice(text: str, choices: Sequence[str], synonyms: Mapping[str, str] | None = None) -> str | None:
    """Return the choice that a text makes, None when it makes none.

    Case and punctuation do not matter, a sentence around the word neither, and what is denied
    ("not sad but angry") does not count. Only where no choice is named by itself, a word of
    `synonyms` counts as the choice it stands for. Of several choices the one counts that is marked
    as the answer ("Answer: sad", or a first sentence of that word alone); else the first, and that
    only in a short text: a long one that names several has not chosen.
    """
    parts = clauses(_readable(text))
    live = _live(parts, _known(choices, synonyms or {}))
    if answers := [found for found in live if _is_marked(parts[found.clause], found)]:
        return answers[-1].choice
    named = [found for found in live if found.own] or live
    short = sum(len(clause.words) for clause in parts) <= MAX_WORDS_AMBIGUOUS
    chosen = named if short or len({found.choice for found in named}) == 1 else []
    chosen = [found for found in live if _stands_alone(parts, found)] or chosen
    return chosen[0].choice if chosen else None


def _live(parts: Sequence[Clause], known: Mapping[tuple[str, ...], tuple[str, bool]]) -> list[_Mention]:
    """Return what is named and not denied."""
    mentions = [list(_mentions(at, clause, known)) for at, clause in enumerate(parts)]
    out = denied(parts, [[(found.start, found.end) for found in some] for some in mentions])
    return [
        found
        for some in mentions
        for found in some
        if (found.clause, found.start) not in out and not _about_itself(parts[found.clause], found)
    ]


def _readable(text: str) -> str:
    """Return the part of an answer that is read: after any thoughts, and of a long one both ends."""
    if len(text) > 2 * MAX_CHARS:
        text = f"{text[:MAX_CHARS]}\n{text[-MAX_CHARS:]}"
    return _THOUGHT.sub("", text)


def _known(choices: Sequence[str], synonyms: Mapping[str, str]) -> dict[tuple[str, ...], tuple[str, bool]]:
    """Return for each phrase, as words, the choice that it names and whether that is its own name."""
    meant = {_words(word): (choice, False) for word, choice in synonyms.items() if choice in choices}
    nouns = {_words(re.sub("y$", "i", choice.strip().lower()) + "ness"): (choice, False) for choice in choices}
    own = {_words(choice): (choice, True) for choice in choices}
    return {phrase: found for phrase, found in {**nouns, **meant, **own}.items() if phrase}


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """Return the words of a choice or synonym; the same few are asked for with every answer."""
    return tuple(word for clause in clauses(text) for word in clause.words)


def _mentions(at: int, clause: Clause, known: Mapping[tuple[str, ...], tuple[str, bool]]) -> Iterator[_Mention]:
    """Yield what a clause names, from left to right, the longest phrase first."""
    longest, place = max(map(len, known), default=0), 0
    while place < len(clause.words):
        for size in range(min(longest, len(clause.words) - place), 0, -1):
            if (found := known.get(clause.words[place : place + size])) is not None:
                yield _Mention(found[0], found[1], at, place, place + size)
                place += size - 1
                break
        place += 1


def _about_itself(clause: Clause, mention: _Mention) -> bool:
    """Say whether the LLM speaks of itself, as in "I hope" and "I am happy to help"."""
    before = clause.words[: mention.start]
    return not mention.own and (
        before[-1:] == ("i",) or (bool(_SELF & set(before)) and clause.words[mention.end : mention.end + 1] == ("to",))
    )


def _is_marked(clause: Clause, mention: _Mention) -> bool:
    """Say whether a word such as "answer" stands before a mention, in its clause or as the one before it."""
    before = [word for word in (*clause.lead, *clause.words[: mention.start]) if word not in _FILLERS]
    return bool(before) and before[-1] in _MARKERS


def _stands_alone(parts: Sequence[Clause], mention: _Mention) -> bool:
    """Say whether the answer begins with a sentence that is the mention alone."""
    clause = parts[mention.clause]
    return mention.clause == 0 and mention.end - mention.start == len(clause.words) and clause.end in ".!\n"
