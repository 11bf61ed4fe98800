"""Emoji as words: what the common ones mean, which a tokenizer reads in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from tokenizers import Tokenizer

from ..taxonomy import DATA

EMOJI = DATA / "emoji.json"
"""Emoji -> English words, empty for what changes another one, such as its colour; sequences before their parts."""


@cache
def emoji_words() -> Mapping[str, str]:
    """Return the words that are read for each emoji, in the order in which they are replaced."""
    words: dict[str, str] = json.loads(EMOJI.read_text(encoding="utf-8"))
    return words


@cache
def _known_emoji() -> re.Pattern[str]:
    return re.compile(f"[{''.join(emoji for emoji in emoji_words() if len(emoji) == 1)}]")


def has_emoji(text: str) -> bool:
    """Return whether a text has an emoji that words are read for."""
    return not text.isascii() and _known_emoji().search(text) is not None


def with_emoji_words(tokenizer: Tokenizer) -> Tokenizer:
    """Return a copy of a tokenizer, without truncation and padding, that reads emoji as words at their places."""
    definition = json.loads(tokenizer.to_str())
    normalizers = [
        {"type": "Replace", "pattern": {"String": emoji}, "content": f" {words} " if words else ""}
        for emoji, words in emoji_words().items()
    ]
    own = [definition["normalizer"]] if definition["normalizer"] else []
    definition["normalizer"] = {"type": "Sequence", "normalizers": [*normalizers, *own]}
    return Tokenizer.from_str(json.dumps(definition | {"truncation": None, "padding": None}))
