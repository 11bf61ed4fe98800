"""The placeholders of character cards, `{{char}}` and `{{user}}`, filled with words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["persona", "greeting", "example"]
"""Where a text stands: the persona is said to the LLM, a greeting to the person, an example is a transcript."""

_PLACEHOLDER = re.compile(r"\{\{\s{0,5}(char|user|original)\s{0,5}\}\}|<(bot|char|user)>", re.IGNORECASE)
_COMMENT = re.compile(r"\{\{\s{0,5}(?://|comment\s{0,5}:)[^{}]{0,2000}\}\}", re.IGNORECASE)
_OTHER = re.compile(r"\{\{\s{0,5}([a-z_]{1,30})[^{}]{0,500}\}\}", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\byou['’]s\b")
_PERSON: Mapping[Place, tuple[str, str]] = {
    "persona": ("the person", "对方"),
    "greeting": ("you", "你"),
    "example": ("User", "User"),
}
"""Place -> what the person is called there, in English and in Chinese; how they are called is not known."""


def fill(text: str, name: str, place: Place) -> str:
    """Return a text with the character's name, and a word for the person; comments are taken out.

    Args:
        text: The text; `<BOT>` and `<USER>`, `<char>` and the like, as some cards have them, are filled alike.
        name: The character's name.
        place: Where the text stands.
    """
    person = _PERSON[place][_is_chinese(text)]
    words = {"char": name, "bot": name, "user": person, "original": ""}
    filled = _PLACEHOLDER.sub(lambda match: words[(match[1] or match[2]).lower()], _COMMENT.sub("", text))
    return _POSSESSIVE.sub("your", filled) if place == "greeting" else filled


def unfilled(text: str) -> list[str]:
    """Return the names of the other placeholders of a text, which stay as they are, each once."""
    others = _OTHER.finditer(_PLACEHOLDER.sub("", _COMMENT.sub("", text)))
    return list(dict.fromkeys(match[1].lower() for match in others))


def _is_chinese(text: str) -> bool:
    """Return whether most letters of a text are Chinese characters, not counting placeholders."""
    letters = [letter for letter in _PLACEHOLDER.sub("", text) if letter.isalpha()]
    return sum("一" <= letter <= "鿿" for letter in letters) * 2 > len(letters)
