"""Simplified Chinese characters in the place of traditional ones."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_IN_BOTH = frozenset("后里面只台干系谷斗丑云制准舍杯克极出别致秋胡愿党向松沈广厂几了么著乾妳祂牠")
"""Characters that stand in texts of both kinds."""


def simplified(text: str) -> str:
    """Return a text in simplified Chinese characters, each in the place of one character, so that offsets stay."""
    return text if text.isascii() else text.translate(_table())


def is_traditional(text: str) -> bool:
    """Return whether a text has more characters that are traditional alone than such that are simplified alone."""
    traditional = sum(ord(character) in _table() for character in text if character not in _IN_BOTH)
    return traditional > sum(character in _simplified_alone() for character in map(ord, text))


@cache
def _simplified_alone() -> frozenset[int]:
    """Return the code points of simplified characters that traditional text does not have, but for a few."""
    return frozenset(_table().values()) - frozenset(map(ord, _IN_BOTH))


@cache
def _table() -> dict[int, int]:
    """Return code point of a traditional character -> that of the simplified one."""
    pairs = files("hef.contract.chinese").joinpath("traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): ord(pair[1]) for pair in pairs if len(pair) == 2}
