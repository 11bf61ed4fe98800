"""Traditional Chinese characters in the place of simplified ones, for people who write them."""

from __future__ import annotations

from functools import cache

import opencc

_HONG_KONG = frozenset({"HK", "MO"})


def traditional(text: str, region: str | None = None) -> str:
    """Return a text in traditional characters, as Hong Kong and Macau or as Taiwan writes them.

    Args:
        text: A text in simplified characters; what is traditional in it already stays.
        region: Two letters of the reader's country; None is Taiwan's form.
    """
    converted: str = _converter("s2hk" if region in _HONG_KONG else "s2tw").convert(text)
    return converted


@cache
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
