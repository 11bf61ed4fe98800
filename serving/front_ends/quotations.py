"""What a person quotes of the assistant in a message, as LibreChat's "Add to chat" does: lines after `> `."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

Sentences: TypeAlias = tuple[str, ...]
"""The sentences of a text: the words of each, in small letters, with a space between."""

_QUOTES = 32
"""Quotations of a message at most."""
_WORDS = 3
"""Words of a quotation at least, by which it is known; fewer must be a whole sentence."""
_SIGN = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_SIGNS_PER_WORD = 2
"""Signs of a language without spaces that are about a word."""
_WORD = re.compile(rf"{_SIGN}|(?:(?!{_SIGN})[^\W_])+")
_MARKUP = re.compile(r"['’*`~]")
"""What stands in a word, or marks it up."""
_SENTENCE_END = re.compile(r"[.!?。！？…\n]+")
HEADING = "The person's message quotes words of yours:"
"""What the LLM is told of quotations."""


def read_sentences(text: str) -> Sentences:
    """Return the sentences of a text, by which a quotation is known: pages leave out what marks it up."""
    letters = "".join(sign for sign in text.casefold() if not unicodedata.category(sign).startswith("M"))
    sentences = (" ".join(_WORD.findall(sentence)) for sentence in _SENTENCE_END.split(_MARKUP.sub("", letters)))
    return tuple(filter(None, sentences))


def split_quotations(text: str, replies: Sequence[Sentences]) -> tuple[str, str] | None:
    """Return what a message quotes of earlier replies, and the person's words; None where it quotes none.

    Args:
        text: The message.
        replies: The sentences of what the assistant said before. What nobody said, or the person did, is no quotation:
            it may be how they write.
    """
    quoted: list[str] = []
    words: list[str] = []
    block: list[str] = []
    tries = 0
    whole = [f" {' '.join(reply)} " for reply in replies]
    for line in (*text.splitlines(), ""):
        if line.startswith(">"):
            block.append(line)
            continue
        if block:
            tries += 1
            is_known = tries <= _QUOTES and _is_said("\n".join(one.lstrip("> ") for one in block), replies, whole)
            (quoted if is_known else words).append("\n".join(block))
            block = []
        words.append(line)
    own_words = "\n".join(words).strip()
    return ("\n\n".join([HEADING, *quoted]), own_words) if quoted else None


def _is_said(quotation: str, replies: Sequence[Sentences], whole: Sequence[str]) -> bool:
    quoted = " ".join(read_sentences(quotation))
    if any(quoted in reply for reply in replies):
        return True
    signs = len(re.findall(_SIGN, quoted))
    is_enough = len(quoted.split()) - signs + signs / _SIGNS_PER_WORD >= _WORDS
    return is_enough and any(f" {quoted} " in reply for reply in whole)
