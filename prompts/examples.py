"""The worked examples that show an LLM what a fitting reply looks like."""

from __future__ import annotations

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
    return tuple(_example(block) for block in text.strip().split("\n\n") if block.strip())


def _example(block: str) -> Example:
    lines = dict(line.split(":", 1) for line in block.strip().splitlines() if ":" in line)
    if tuple(lines) != FIELDS:
        raise SetupError(
            f"an example of the prompt 'examples' needs the lines {FIELDS} in this order; given: {block!r}"
        )
    said, emotion, words, reply = (lines[field].strip() for field in FIELDS)
    return Example(said, emotion, tuple(word.strip() for word in words.split(",")), reply)
