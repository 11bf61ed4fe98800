"""What an LLM says after its reply of a wish that holds from now on, `[[WISH: …]]`; nobody sees it."""

from __future__ import annotations

import re

from ..contract.text import matching_words
from .fence import one_line
from .thoughts import without_thoughts

MAX_WISH_CHARACTERS = 300
"""Characters of a wish at most."""
_MOST = 600
"""Characters between the brackets that are read."""
_INSIDE = rf"(?:(?!\]\])[^\0]){{0,{_MOST}}}"
_MARK = re.compile(
    rf"\[\[\s{{0,3}}WISH\s{{0,3}}[:：]({_INSIDE})\]\]"
    rf"|(?<!\[)\[\s{{0,3}}WISH\s{{0,3}}[:：]([^\[\]\n]{{0,{_MOST}}})\](?!\])",
    re.IGNORECASE,
)
"""A wish in two brackets, or, as some write it, in one."""
_PARTIAL = re.compile(
    rf"\[(?:\[?\s{{0,3}}(?:W(?:I(?:S(?:H(?:\s{{0,3}}(?:[:：]{_INSIDE}\]?)?)?)?)?)?)?)\Z", re.IGNORECASE
)
"""What could still become such a mark."""
_MAX_BUFFERED_CHARACTERS = _MOST + 60
"""Characters at the end of a piece of a reply that may be held back."""
_UNENDED = re.compile(r"\[\[\s{0,3}W[^\0]{0,700}\Z|\[\s{0,3}WISH\s{0,3}[:：][^\0]{0,700}\Z", re.IGNORECASE)
_AROUND = " \t*_\"'“”‘’「」『』"
_OWN_SHARE = 0.8
"""Share of a wish's words that the person must have said: what they did not say is not kept in their name."""


class WishFilter:
    """Takes wishes off a reply that comes in pieces."""

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> str:
        """Return what the next piece holds of the reply, and what was held back before it."""
        text = _MARK.sub("", self._pending + piece)
        start = max(0, len(text) - _MAX_BUFFERED_CHARACTERS)
        match = _PARTIAL.search(text, start)
        end = match.start() if match else len(text)
        self._pending = text[end:]
        return text[:end]

    def close(self) -> str:
        """Return what was held back at the end of the reply; a mark that was cut off is no part of it."""
        text, self._pending = _UNENDED.sub("", self._pending), ""
        return text


def read_wish(answer: str, last_turn: str) -> str:
    """Return the last wish that an answer names; empty where it names none.

    Args:
        answer: What the LLM wrote.
        last_turn: The person's last turn, in whose words the wish is.
    """
    marks = [first or second for first, second in _MARK.findall(without_thoughts(answer))]
    wish = one_line(marks[-1])[:MAX_WISH_CHARACTERS].strip(_AROUND) if marks else ""
    units, known = _units(wish), set(_units(last_turn))
    own = sum(unit in known for unit in units)
    return wish if units and own >= _OWN_SHARE * len(units) else ""


def _units(text: str) -> list[str]:
    """Return the words of a text, of Chinese its characters."""
    return [
        unit
        for word in matching_words(text)
        for unit in (word if any("\u4e00" <= character <= "\u9fff" for character in word) else [word])
    ]
