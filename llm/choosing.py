"""Read a choice out of what an LLM wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def parse_choice(text: str, choices: Sequence[str], synonyms: Mapping[str, str] | None = None) -> str | None:
    """Return the choice that a text names first, None when it names none.

    Case and punctuation do not matter, a sentence around the word neither. A word of `synonyms`
    counts as the choice it stands for.
    """
    words = re.findall(r"[^\W_]+", text.lower())
    known = {choice.lower(): choice for choice in choices}
    known |= {word: choice for word, choice in (synonyms or {}).items() if choice in choices and word not in known}
    return next((known[word] for word in words if word in known), None)
