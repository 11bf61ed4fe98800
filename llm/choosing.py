"""Read a choice out of what an LLM wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def parse_choice(text: str, choices: Sequence[str], synonyms: Mapping[str, str] | None = None) -> str | None:
    """Return the choice that a text names first, None when it names none.

    Case and punctuation do not matter, a sentence around the word neither. Only where no choice is
    named by itself, a word of `synonyms` counts as the choice it stands for.
    """
    said = f" {_plain(text)} "
    own = {_plain(choice): choice for choice in choices}
    meant = {_plain(word): choice for word, choice in (synonyms or {}).items() if choice in choices}
    return _first(said, own) or _first(said, meant)


def _first(said: str, known: Mapping[str, str]) -> str | None:
    """Return what the earliest known phrase of a text stands for; of several there, the longest."""
    found = [(said.find(f" {phrase} "), -len(phrase), choice) for phrase, choice in known.items() if phrase]
    return min((hit for hit in found if hit[0] >= 0), default=(0, 0, None))[2]


def _plain(text: str) -> str:
    """Return a text's words in lower case, with single spaces between."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
