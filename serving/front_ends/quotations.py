"""What a person quotes of the assistant in a message, as LibreChat's "Add to chat" does: lines after `> `."""

from __future__ import annotations

from collections.abc import Sequence

_QUOTES = 32
"""Quotations of a message at most."""
_LETTERS = 2
"""Letters of a quotation at least, by which it is known."""
HEADING = "The person's message quotes words of yours:"
"""What the LLM is told of quotations."""


def letters(text: str) -> str:
    """Return the letters and digits of a text, by which a quotation is known: pages leave out what marks it up."""
    return "".join(filter(str.isalnum, text.casefold()))


def split_quotations(text: str, replies: Sequence[str]) -> tuple[str, str] | None:
    """Return what a message quotes of earlier replies, and the person's words; None where it quotes none.

    Args:
        text: The message.
        replies: The letters of what the assistant said before. What nobody said, or the person did, is no quotation:
            it may be how they write.
    """
    quoted: list[str] = []
    words: list[str] = []
    block: list[str] = []
    for line in (*text.splitlines(), ""):
        if line.startswith(">"):
            block.append(line)
            continue
        if block:
            is_known = len(quoted) < _QUOTES and _is_said("\n".join(one.lstrip("> ") for one in block), replies)
            (quoted if is_known else words).append("\n".join(block))
            block = []
        words.append(line)
    said = "\n".join(words).strip()
    return ("\n\n".join([HEADING, *quoted]), said) if quoted else None


def _is_said(quotation: str, replies: Sequence[str]) -> bool:
    known = letters(quotation)
    return len(known) >= _LETTERS and any(known in reply for reply in replies)
