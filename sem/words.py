"""Words of a raw text with their character offsets, and which of them carry content."""

from __future__ import annotations

import re

_LETTERS = r"(?:[^\W_][\u0300-\u036f]*)+"  # a letter may come with combining accents
_WORD = re.compile(rf"{_LETTERS}(?:['’\-]{_LETTERS})*|[\U0001F300-\U0001FAFF\u2600-\u27BF]")

_FUNCTION_WORDS = frozenset(
    """
    a about after again all also always am an and any are aren't as at be became because been before being but
    by came can can't cannot come could couldn't did didn't do does doesn't doing don't done down during each
    either else ever every feel feeling feels felt few for from get gets getting go goes going gonna got had
    hadn't has hasn't have haven't having he he'd he'll he's hello her here hers hey hi herself him himself
    his how however i i'd i'll i'm i've if im in into is isn't it it's its itself ive just let let's like made
    make makes many may maybe me might more most much must my myself no nor not now of off oh ok okay on once
    one only or other our ours ourselves out over own quite rather really said same say says she she'd she'll
    she's should shouldn't since so some something still such take than that that's the their theirs them
    themselves then there there's these they they'd they'll they're they've thing things this those though
    through to too took under until up upon us use used very was wasn't way we we'd we'll we're we've well
    went were weren't what what's when where which while who who's whom whose why will with within without
    won't would wouldn't yeah yes yet you you'd you'll you're you've your yours yourself yourselves
    """.split()
)


def words_of(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word or emoji in a text, left to right."""
    return [match.span() for match in _WORD.finditer(text)]


def carries_content(word: str) -> bool:
    """Say whether a word can be a cause: not a function word such as "the" or "I"."""
    return word.lower().replace("’", "'") not in _FUNCTION_WORDS
