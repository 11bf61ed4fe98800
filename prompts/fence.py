"""The fence around a dialogue in a prompt: what was said is data, and cannot leave its fence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from typing import Final

from ..contract import Turn
from ..contract.dialogue import Role
from ..contract.text import word_spans

MAX_QUOTED_CHARACTERS = 300
"""Longest text that is quoted in a prompt outside of the fence, such as a remembered turn."""
MAX_LABEL_CHARACTERS = 40
"""Longest name of an emotion, where it may come from elsewhere than a taxonomy."""
MAX_CAUSE_CHARACTERS = 80
"""Longest cause words in a prompt."""
MAX_BARE_WORDS = 3
"""Number of words up to which cause words stand in a prompt without quotation marks."""

_ROLE_NAMES: Final[dict[Role, str]] = {"speaker": "Speaker", "listener": "Listener"}
_FENCE = re.compile(r"(?P<opening>[<‹][<‹/]*)(?:(?P<name>dlalogue[^<>‹›]*)[>›]*)?")
"""Brackets in the skeleton of a text, see `_skeleton`, and the name, attributes and end of a tag if it is one."""
_OPENING = (
    "\u2039\u02c2\u1438\u2329\u27e8\u27ea\u2768\u276a\u276c\u276e\u2770\u3008\u300a\ufe3d\ufe3f\u00ab\u226a\u22d8"
    "\u227a\u22d6\u2264\u2a7d\u2aa1\u2abb\u22b0\u22b2\u25c0\u25c1\u25c2\u25c3\u2991\u29fc\u2af7"
)
_CLOSING = (
    "\u203a\u02c3\u1433\u232a\u27e9\u27eb\u2769\u276b\u276d\u276f\u2771\u3009\u300b\ufe3e\ufe40\u00bb\u226b\u22d9"
    "\u227b\u22d7\u2265\u2a7e\u2aa2\u2abc\u22b1\u22b3\u25b6\u25b7\u25b8\u25b9\u2992\u29fd\u2af8"
)
"""Brackets that look like those of a tag."""
_MAY_BE_TAG = re.compile(f"[<&\ufe64\uff1c{_OPENING}]")
_ENTITY = re.compile(
    r"&(?:amp;){0,3}(?:(lt)|(#0{0,9}[0-9]{2,6}|#x0{0,9}[0-9a-f]{2,5})|([a-z]{2,20}););?", re.IGNORECASE
)
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo", "Nd"})
"""Categories of what is read in a tag; marks, blanks, modifiers and invisible characters leave it looking as it did."""
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
_LOOK_ALIKES = {
    **dict.fromkeys(_BLANK_LETTERS, ""),
    **dict.fromkeys(_OPENING, "‹"),
    **dict.fromkeys(_CLOSING, "›"),
    **dict.fromkeys("\\\u2044\u2215\u2216\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\u1735\u3033\u4e3f\u30ce", "/"),
    **dict.fromkeys("@\u0251\u0430\u03b1\u0250\u1d00", "a"),
    **dict.fromkeys("\u0111\u00f0\u0256\u0257\u0501\u03b4\u2202\u1d05", "d"),
    **dict.fromkeys("3\u0259\u01dd\u0258\u025b\u0435\u0454\u0565\u03b5\u212e\u2c89\u1d07", "e"),
    **dict.fromkeys("\u0261\u0260\u01e5\u050d\u0581\u0262", "g"),
    **dict.fromkeys(
        "i1|\u0131\u026a\u0268\u0269\u1d7b\u03b9\u0456\u04cf\u2223\u01c0\u0142\u026b\u026d\u029f\u03bb\u056c", "l"
    ),
    **dict.fromkeys("0\u00f8\u0275\u043e\u0585\u03bf\u03c3\u2c9f\u1d0f\u1d11", "o"),
    **dict.fromkeys("\u03c5\u057d\u028a\u028b\u0289\u1d1c", "u"),
    **{chr(first + n): chr(97 + n) for first in (0x1F150, 0x1F170, 0x1F1E6) for n in range(26)},
    **{chr(first + 8): "l" for first in (0x1F150, 0x1F170, 0x1F1E6)},
}
"""Character -> what it looks like in a tag, where compatibility normalisation (NFKD) keeps them apart.

The letters i and l, and what looks like them, are all "l".
"""
_HIDDEN = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{4,6}\U000e007f)"
    "|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]+"
)
"""Characters that nobody sees and no script needs: controls, half characters, turns of the text's direction, and tag
characters outside of a flag (the first group)."""
_SELECTORS = re.compile("([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_QUOTATION_MARKS = str.maketrans(
    dict.fromkeys(
        '"\u201c\u201d\u201e\u201f\uff02\u301d\u301e\u301f\u00ab\u00bb\u275d\u275e\u2760\u2033\u2036\u2034\u2037\u2057'
        "\u05f4\u02ba\u02dd\u02ee\u02f5\u02f6\u3003\u2e42\U0001f676\U0001f677\U0001f678",
        "'",
    )
)
_DOUBLED = re.compile("['`\u00b4\u02b9\u02bc\u2018\u2019\u201a\u201b\u2032\u2035\u275b\u275c\uff07]{2,}")
"""Single quotation marks that look like double ones."""


def fence(turns: Sequence[Turn], limit: int) -> str:
    """Return the newest turns as text that cannot leave its fence.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most, see `newest`.
    """
    recent, _ = newest(turns, limit)
    return "\n".join(f"{_ROLE_NAMES[turn.role]}: {one_line(turn.text)}" for turn in recent)


def newest(turns: Sequence[Turn], limit: int) -> tuple[list[Turn], int]:
    """Return the newest turns that fit, and how many do not or only in part.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most, with the names before the turns and the line breaks after them; the last turn alone
            is cut at its beginning if it must be, to one character at least.
    """
    if not turns:
        return [], 0
    last = turns[-1]
    kept = last.text[-max(1, limit - line_length(last.role)) :]
    recent = [Turn(last.role, kept)]
    remaining = limit - line_length(last.role, kept)
    for turn in reversed(turns[:-1]):
        remaining -= line_length(turn.role, turn.text) + 1
        if remaining < 0:
            break
        recent.append(turn)
    return recent[::-1], len(turns) - len(recent) + (len(kept) < len(last.text))


def line_length(role: Role, text: str = "") -> int:
    """Return how many characters a turn takes in a prompt, with the name before it."""
    return len(_ROLE_NAMES[role]) + len(": ") + len(text)


def one_line(text: str) -> str:
    """Return text without control characters, fence tags or line breaks that would fake a turn.

    A tag is recognised by what it looks like: as HTML writes it, in full width, with other brackets or letters, and
    with marks, blanks and invisible characters between. Ordinary text of any script, and emoji, stay as they are, but
    for characters that turn the direction of what follows.
    """
    return _without_tags(_SELECTORS.sub(r"\1", " ".join(_HIDDEN.sub(r"\1", text).split())))


def quoted(text: str, limit: int = MAX_QUOTED_CHARACTERS) -> str:
    """Return text as it stands between the quotation marks of a prompt, which it cannot leave.

    Args:
        text: What somebody said, or what a store or a model returned.
        limit: Characters at most; the end of a longer text is cut off and marked by `…`.
    """
    line = _DOUBLED.sub("'", one_line(text[: 4 * limit]).translate(_QUOTATION_MARKS))
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 1].rstrip()}…"


def cause_words(text: str) -> str:
    """Return cause words for a prompt: a few as they are, more of them, or a long one, as a quotation."""
    line = quoted(text, MAX_CAUSE_CHARACTERS)
    return line if len(line.split()) <= MAX_BARE_WORDS else f'"{line}"'


def label_text(text: str) -> str:
    """Return the name of an emotion, which may come from elsewhere than a taxonomy: its words alone."""
    line = one_line(text[: 4 * MAX_LABEL_CHARACTERS])
    return " ".join(line[start:end] for start, end in word_spans(line))[:MAX_LABEL_CHARACTERS].rstrip()


def _without_tags(text: str) -> str:
    """Return text whose tags of the fence have round brackets.

    Other brackets than `<` are those of a tag only if it closes: "« Un dialogue »" is none. Nor is "a < dialogue", with
    a blank after its bracket and no closing bracket behind.
    """
    if not _MAY_BE_TAG.search(text):
        return text
    skeleton, offsets = _skeleton(text)
    pieces: list[str] = []
    position = 0
    last_bracket = max(skeleton.rfind(">"), skeleton.rfind("›"))
    for tag in _FENCE.finditer(skeleton):
        opening = tag["opening"]
        if not tag["name"] or opening.strip("‹") == "":
            continue
        first, after = tag.span("name")
        if opening == "<" and last_bracket < first and text[offsets[first - 1][1]].isspace():
            continue
        inside = text[offsets[first][0] : offsets[after][0] if after < tag.end() else offsets[after - 1][1]]
        pieces += [text[position : offsets[tag.start()][0]], "(/" if "/" in opening else "(", inside, ")"]
        position = offsets[tag.end() - 1][1]
    return "".join([*pieces, text[position:]])


def _skeleton(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the letters, digits, slashes and angle brackets of a text as what they look like, and where they stand.

    Returns:
        The skeleton, and for each of its characters the first index in the text and one past the last.
    """
    skeleton: list[str] = []
    offsets: list[tuple[int, int]] = []
    index = 0
    while index < len(text):
        entity = _ENTITY.match(text, index) if text[index] == "&" else None
        end = entity.end() if entity else index + 1
        characters = unescape(f"&{entity[1] or entity[2] or entity[3]};") if entity else text[index]
        for character in characters:
            for part in _looks_like(character):
                skeleton.append(part)
                offsets.append((index, end))
        index = end
    return "".join(skeleton), offsets


@lru_cache(maxsize=4096)
def _looks_like(character: str) -> str:
    """Return the letters, digits, slashes and angle brackets that a character looks like, often none."""
    known = _LOOK_ALIKES.get(character)
    parts = unicodedata.normalize("NFKD", character).casefold() if known is None else known
    shown = "".join(_LOOK_ALIKES.get(part, part) for part in parts)
    return "".join(part for part in shown if part in "/<>‹›" or unicodedata.category(part) in _LETTERS)
