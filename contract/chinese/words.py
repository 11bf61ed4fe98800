"""Words of Chinese text, by jieba's dictionary."""

from __future__ import annotations

from functools import cache

import rjieba

from .simplified import simplified


def chinese_words(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word of a text in simplified or traditional characters, left to right.

    The dictionary alone decides: jieba's guesses at words that it does not have ("我魂" in 我魂都飞了) are too often
    wrong in chats. A character of no word is a word of its own.
    """
    return [(start, end) for _, start, end in _jieba().tokenize(simplified(text), "default", False)]


@cache
def _jieba() -> rjieba.Jieba:
    """Return the dictionary, which takes a quarter of a second to load."""
    return rjieba.Jieba()
