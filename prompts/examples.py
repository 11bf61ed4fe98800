"""The worked examples that show an LLM what a fitting reply looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..contract import SetupError

FIELDS = ("Said", "Feels", "Because of", "Reply")


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a drafted reply."""

    said: str
    """What the speaker said."""
    emotion: str
    """What they felt."""
    words: tuple[str, ...]
    """The cause words."""
    reply: str
    """A reply that fits."""


def parse_examples(text: str) -> tuple[Example, ...]:
    """Read examples: blocks of four lines, `Said:`, `Feels:`, `Because of:` and `Reply:`.

    Raises:
        SetupError: A block lacks a line or has another.
    """
    return tuple(_example(block) for block in re.split(r"\n\s*\n", text.strip()) if block)


def _example(block: str) -> Example:
    lines = [line.split(":", 1) for line in block.splitlines()]
    if tuple(line[0].strip() for line in lines) != FIELDS or any(len(line) < 2 for line in lines):
        raise SetupError(
            f"an example of the prompt 'examples' needs the lines {FIELDS} in this order; given: {block!r}"
        )
    said, emotion, words, reply = (line[1].strip() for line in lines)
    return Example(said, emotion, tuple(word.strip() for word in words.split(",") if word.strip()), reply)
