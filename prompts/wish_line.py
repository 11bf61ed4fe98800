"""The line after a reply in which an LLM says what the person asks for from now on; they never see it."""

from __future__ import annotations

import re

from ..contract.text import matching_words
from .fence import one_line

MAX_WISH_CHARACTERS = 300
"""Characters of a wish at most."""
_LINE = re.compile(r"\n\s{0,20}[*_]{0,3}WISH[*_]{0,3}\s{0,3}[:：][*_ \t]{0,6}([^\n]{1,600})")
_AROUND = " \t*_\"'“”‘’「」『』"
_OWN_SHARE = 0.6
"""Share of a wish's words that the person must have said: what they did not say is not kept in their name."""


def read_wish(answer: str, said: str) -> str:
    """Return the wish that stands in the last line of an answer; empty where none does.

    Args:
        answer: What the LLM wrote.
        said: The person's last turn, in whose words the wish is.
    """
    lines = _LINE.findall(f"\n{answer}")
    wish = one_line(lines[-1])[:MAX_WISH_CHARACTERS].strip(_AROUND) if lines else ""
    units, known = _units(wish), set(_units(said))
    own = sum(unit in known for unit in units)
    return wish if units and own >= _OWN_SHARE * len(units) else ""


def _units(text: str) -> list[str]:
    """Return the words of a text, of Chinese its characters."""
    return [
        unit
        for word in matching_words(text)
        for unit in (word if any("\u4e00" <= character <= "\u9fff" for character in word) else [word])
    ]
