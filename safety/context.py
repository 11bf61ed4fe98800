"""What a turn says through the turns before it: the answer to a question about danger, and that all is well now."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Turn
from .findings import Finding
from .reading import Reading


def answer_to_question(turn: Turn, before: Sequence[Turn]) -> Finding | None:
    """Return the finding of a yes to the assistant's question whether the person is in danger."""
    return None


def is_all_clear(reading: Reading) -> bool:
    """Return whether the person says that they are safe now."""
    return False
