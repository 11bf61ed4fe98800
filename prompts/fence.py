"""Put what was said into a prompt as data: text that cannot leave its fence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..contract import Turn

_NAMES_OF_ROLES = {"speaker": "Speaker", "listener": "Listener"}
_FENCE = re.compile(r"[<\uff1c]([\s/\\]*dialogue[^<>\uff1c\uff1e]*)[>\uff1e]?", re.IGNORECASE)


def fence(turns: Sequence[Turn], limit: int) -> str:
    """Return the newest turns as text that cannot leave its fence.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most, see `newest`.
    """
    kept, _ = newest(turns, limit)
    return "\n".join(f"{_NAMES_OF_ROLES[turn.role]}: {plain(turn.text)}" for turn in kept)


def newest(turns: Sequence[Turn], limit: int) -> tuple[list[Turn], int]:
    """Return the newest turns that fit, and how many do not or only in part.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most; the last turn alone is cut at its beginning if it must be.
    """
    kept: list[Turn] = []
    room = limit
    for turn in reversed(turns):
        if kept and len(turn.text) > room:
            break
        kept.append(Turn(turn.role, turn.text[-limit:]))
        room -= len(turn.text)
    return kept[::-1], len(turns) - len(kept) + int(bool(turns) and len(turns[-1].text) > limit)


def plain(text: str) -> str:
    """Return text without control characters, fence tags or line breaks that would fake a turn."""
    spaced = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return _FENCE.sub(r"(\1)", spaced)
