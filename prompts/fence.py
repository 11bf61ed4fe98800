"""The fence around a dialogue in a prompt: what was said is data, and cannot leave its fence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..contract import Turn

_ROLE_NAMES = {"speaker": "Speaker", "listener": "Listener"}
_FENCE = re.compile(r"[<\uff1c]([\s/\\]*dialogue[^<>\uff1c\uff1e]*)[>\uff1e]?", re.IGNORECASE)


def fence(turns: Sequence[Turn], limit: int) -> str:
    """Return the newest turns as text that cannot leave its fence.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most, see `newest`.
    """
    recent, _ = newest(turns, limit)
    return "\n".join(f"{_ROLE_NAMES[turn.role]}: {one_line(turn.text)}" for turn in recent)


def newest(turns: Sequence[Turn], limit: int) -> tuple[list[Turn], int]:
    """Return the newest turns that fit, and how many do not or only in part.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most; the last turn alone is cut at its beginning if it must be.
    """
    recent: list[Turn] = []
    remaining = limit
    for turn in reversed(turns):
        if recent and len(turn.text) > remaining:
            break
        recent.append(Turn(turn.role, turn.text[-limit:]))
        remaining -= len(turn.text)
    is_last_cut = bool(turns) and len(turns[-1].text) > limit
    return recent[::-1], len(turns) - len(recent) + is_last_cut


def one_line(text: str) -> str:
    """Return text without control characters, fence tags or line breaks that would fake a turn."""
    printable = "".join(char if char.isprintable() or char.isspace() else " " for char in text)
    return _FENCE.sub(r"(\1)", " ".join(printable.split()))
