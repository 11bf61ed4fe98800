"""Simplified Chinese characters in the place of traditional ones."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def simplified(text: str) -> str:
    """Return a text in simplified Chinese characters, each in the place of one character, so that offsets stay."""
    return text if text.isascii() else text.translate(_table())


def simplified_character(character: str) -> str:
    """Return the simplified form of a character, itself where it has none."""
    return chr(_table().get(ord(character), ord(character)))


@cache
def _table() -> dict[int, int]:
    """Return code point of a traditional character -> that of the simplified one."""
    pairs = files("hef.contract.chinese").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): ord(pair[1]) for pair in pairs if len(pair) == 2}
