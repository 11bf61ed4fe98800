"""The fence around a dialogue in a prompt: what was said is data, and cannot leave its fence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ..contract import Turn
from ..contract.text import word_spans

MAX_QUOTED_CHARACTERS = 300
"""Longest text that is quoted in a prompt outside of the fence, such as a remembered turn."""
MAX_LABEL_CHARACTERS = 40
"""Longest name of an emotion, where it may come from elsewhere than a taxonomy."""
MAX_CAUSE_CHARACTERS = 80
"""Longest cause words in a prompt."""
MAX_BARE_WORDS = 3
"""Number of words up to which cause words stand in a prompt without quotation marks."""

_ROLE_NAMES = {"speaker": "Speaker", "listener": "Listener"}
_FENCE = re.compile(r"(?:<[^\w<>‹›]{0,20}|‹[^\w<>‹›]{0,10}[/\\][^\w<>‹›]{0,10})dialogue[^<>‹›]*[>›]?")
"""A tag of the fence in the skeleton of a text, see `_skeleton`; one with other brackets only if it closes."""
_OPENING = "\u2039\u02c2\u1438\u2329\u27e8\u27ea\u2770\u276e\u3008\u300a\ufe3d\ufe3f\u00ab\u226a\u29fc"
_CLOSING = "\u203a\u02c3\u1433\u232a\u27e9\u27eb\u2771\u276f\u3009\u300b\ufe3e\ufe40\u00bb\u226b\u29fd"
"""Brackets that look like those of a tag."""
_MAY_BE_TAG = re.compile(f"[<&\ufe64\uff1c{_OPENING}]")
_ENTITY = re.compile(r"&(?:lt|#0{0,9}60|#x0{0,9}3c);?", re.IGNORECASE)
_LOOK_ALIKES = {
    **dict.fromkeys(_OPENING, "‹"),
    **dict.fromkeys(_CLOSING, "›"),
    **dict.fromkeys("\u2044\u2215\u2571\u29f8\u27cb", "/"),
    **dict(
        zip(
            "\u0131\u0430\u0435\u0456\u043e\u0501\u04cf\u03b1\u03b9\u03bf\u026a\u0261\u03c5",
            "iaeiodlaioigu",
            strict=True,
        )
    ),
}
"""Character -> what it looks like in a tag, where compatibility normalisation (NFKC) keeps them apart."""
_SELECTORS = re.compile("([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_INVISIBLE = frozenset({"Cf", "Mn", "Me", "Zs", "Zl", "Zp", "Cc"})
"""Categories of characters that leave a tag looking as it did."""
_JOINERS = "\u200c\u200d"
_QUOTATION_MARKS = str.maketrans(dict.fromkeys('"\u201c\u201d\u201e\u201f\uff02\u301d\u301e\u301f\u00ab\u00bb', "'"))


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
        limit: Characters at most; the last turn alone is cut at its beginning if it must be.
    """
    recent: list[Turn] = []
    remaining = limit
    for turn in reversed(turns):
        if recent and len(turn.text) > remaining:
            break
        recent.append(Turn(turn.role, turn.text[-limit:]))
        remaining -= len(turn.text)
    is_last_cut = bool(turns) and len(turns[-1].text) > limit
    return recent[::-1], len(turns) - len(recent) + is_last_cut


def one_line(text: str) -> str:
    """Return text without control characters, fence tags or line breaks that would fake a turn.

    A tag is recognised by what it looks like: as HTML writes it, in full width, with other brackets or letters, and
    with invisible characters between. Ordinary text of any script, and emoji, stay as they are.
    """
    printable = "".join(
        character if character.isprintable() or character.isspace() or _joins(text, index) else " "
        for index, character in enumerate(text)
    )
    return _without_tags(_SELECTORS.sub(r"\1", " ".join(printable.split())))


def quoted(text: str, limit: int = MAX_QUOTED_CHARACTERS) -> str:
    """Return text as it stands between the quotation marks of a prompt, which it cannot leave.

    Args:
        text: What somebody said, or what a store or a model returned.
        limit: Characters at most; the end of a longer text is cut off and marked by `…`.
    """
    line = one_line(text[: 4 * limit]).translate(_QUOTATION_MARKS)
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 1].rstrip()}…"


def cause_words(text: str) -> str:
    """Return cause words for a prompt: a few as they are, more of them, or a long one, as a quotation."""
    line = quoted(text, MAX_CAUSE_CHARACTERS)
    return line if len(line.split()) <= MAX_BARE_WORDS else f'"{line}"'


def label_text(text: str) -> str:
    """Return the name of an emotion, which may come from elsewhere than a taxonomy: its words alone."""
    line = one_line(text[: 4 * MAX_LABEL_CHARACTERS])
    return " ".join(line[start:end] for start, end in word_spans(line))[:MAX_LABEL_CHARACTERS].rstrip()


def _joins(text: str, index: int) -> bool:
    """Return whether an invisible joiner stands between two characters that are no ASCII, as in emoji and Persian."""
    around = text[max(0, index - 1) : index + 2]
    return text[index] in _JOINERS and len(around) == 3 and not any(c.isascii() or c.isspace() for c in around[::2])


def _without_tags(text: str) -> str:
    """Return text whose tags of the fence have round brackets."""
    if not _MAY_BE_TAG.search(text):
        return text
    skeleton, places = _skeleton(text)
    pieces: list[str] = []
    position = 0
    for tag in _FENCE.finditer(skeleton):
        (start, inside), (last, end) = places[tag.start()], places[tag.end() - 1]
        is_closed = tag[0].endswith((">", "›"))
        pieces += [text[position:start], "(", text[inside : last if is_closed else end], ")"]
        position = end
    return "".join([*pieces, text[position:]])


def _skeleton(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return what a text looks like, in lower case and without blanks and invisible characters, and where it stands.

    Returns:
        The skeleton, and for each of its characters the first index in the text and one past the last.
    """
    skeleton: list[str] = []
    places: list[tuple[int, int]] = []
    index = 0
    while index < len(text):
        entity = _ENTITY.match(text, index) if text[index] == "&" else None
        end = entity.end() if entity else index + 1
        for character in "<" if entity else _looks_like(text[index]):
            skeleton.append(character)
            places.append((index, end))
        index = end
    return "".join(skeleton), places


def _looks_like(character: str) -> str:
    """Return the characters of a tag that a character looks like, none for an invisible one."""
    if character.isascii():
        return "" if character.isspace() else character.lower()
    known = _LOOK_ALIKES.get(character)
    decomposed = known or unicodedata.normalize("NFKD", character).casefold()
    return "".join(_LOOK_ALIKES.get(part, part) for part in decomposed if unicodedata.category(part) not in _INVISIBLE)
