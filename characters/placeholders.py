"""The placeholders of character cards, `{{char}}` and `{{user}}`, filled with words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

TextKind: TypeAlias = Literal["persona", "greeting", "example"]
"""What a text is: the persona is said to the LLM, a greeting to the person, an example is a transcript."""

_PLACEHOLDER = re.compile(r"\{\{\s{0,5}(char|user|original)\s{0,5}\}\}|<(bot|char|user)>", re.IGNORECASE)
_COMMENT = re.compile(r"\{\{\s{0,5}(?://|comment\s{0,5}:)[^{}]{0,2000}\}\}", re.IGNORECASE)
_OTHER = re.compile(r"\{\{\s{0,5}([a-z_]{1,30})[^{}]{0,500}\}\}", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\byou['’]s\b")
_USER = r"(?:\{\{\s{0,5}user\s{0,5}\}\}|<user>)"
_WELCOME = (
    r"hi|hello|hey|hiya|heya|welcome|back|there|morning|afternoon|evening|night|day|dear|thanks|thank[ ]you|sorry|bye|"
    r"goodbye|well|oh|ah|yes|no|please|again|你好|您好|嗨|嘿|早安|晚安|早上好|晚上好|欢迎|回来了?"
)
"""Words before the name of somebody who is spoken to, without a comma."""
_ADDRESS = re.compile(
    # "Hello, Ana!", "Come in, Ana, sit down." and "Hello Ana, …", but not "Mom, Ana, and I".
    rf"(?:[,，、][ ]?|(?<![^\W\u2e80-\uffef])(?P<welcome>{_WELCOME})[ ]?){_USER}"
    rf"(?=[.!?…,;:~*\"”。！？，；：～]|[ ]?[—–]|\s{{0,5}}\Z)(?!,[ ](?:and|or)\b)",
    re.IGNORECASE,
)
_ADDRESS_FIRST = re.compile(
    # "Ana, come in." at the beginning of a text, a line or a sentence.
    rf"(?P<before>\A|(?<=[\n*\"“.!?。！？])[ ]?){_USER}[ ]?[,，!！…~]{{1,3}}[ ]?(?P<next>[^\s])",
    re.IGNORECASE,
)
"""Where the person is spoken to by a name: a word that stands for them would be none ("Hello you, …")."""
_PERSON: Mapping[TextKind, tuple[str, str]] = {
    "persona": ("the person", "对方"),
    "greeting": ("you", "你"),
    "example": ("User", "User"),
}
"""Kind of text -> what the person is called there, in English and in Chinese; how they are called is not known."""


def fill(text: str, name: str, kind: TextKind) -> str:
    """Return a text with the character's name, and a word for the person; comments are taken out.

    A greeting that speaks to the person by their name, which is not known, leaves it out.

    Args:
        text: The text; `<BOT>` and `<USER>`, `<char>` and the like, as some cards have them, are filled alike.
        name: The character's name.
        kind: What the text is.
    """
    person = _PERSON[kind][_is_chinese(text)]
    words = {"char": name, "bot": name, "user": person, "original": ""}
    text = _COMMENT.sub("", text)
    if kind == "greeting":
        text = _ADDRESS_FIRST.sub(lambda match: match["before"] + match["next"].upper(), text)
        text = _ADDRESS.sub(lambda match: match["welcome"] or "", text)
    filled = _PLACEHOLDER.sub(lambda match: words[(match[1] or match[2]).lower()], text)
    return _POSSESSIVE.sub("your", filled) if kind == "greeting" else filled


def unfilled(text: str) -> list[str]:
    """Return the names of the other placeholders of a text, which stay as they are, each once."""
    others = _OTHER.finditer(_PLACEHOLDER.sub("", _COMMENT.sub("", text)))
    return list(dict.fromkeys(match[1].lower() for match in others))


def _is_chinese(text: str) -> bool:
    """Return whether most letters of a text are Chinese characters, not counting placeholders."""
    letters = [letter for letter in _PLACEHOLDER.sub("", text) if letter.isalpha()]
    return sum("一" <= letter <= "鿿" for letter in letters) * 2 > len(letters)
