"""The lines about past turns in a note: what the person said, when, how they felt, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime

from ..contract import Memory
from .fence import label_text, quoted

CHARACTERS_PER_TOKEN = 4
"""On average; which model will read a line is not known where it is counted."""
MAX_REPLY_CHARACTERS = 200
"""Characters of a past reply in a note."""


def recalled_lines(memories: Sequence[Memory], budget: int, now: float | None = None) -> str:
    """Return a line for each past turn; what was answered is told while the budget lasts, of the first turns first.

    Args:
        memories: Past turns, the most relevant first; their words fit the budget (`recall`).
        budget: Tokens of all lines, counted as four characters each.
        now: Unix time in seconds; by default the present.
    """
    today = _day(time.time() if now is None else now) or date.today()
    lines = [_said(memory, today) for memory in memories]
    remaining = budget * CHARACTERS_PER_TOKEN - sum(map(len, lines))
    for index, memory in enumerate(memories):
        answer = _answer(memory)
        if answer and len(answer) <= remaining:
            lines[index] += answer
            remaining -= len(answer)
    return "\n".join(lines)


def remembered(memory: Memory) -> str:
    """Return the line about a past turn as the embedded model was trained on it."""
    return f'Earlier, the speaker said: "{quoted(memory.text)}"{felt(memory.emotion)}'


def felt(emotion: str | None) -> str:
    """Return what was felt in a past turn, as the end of its line; empty where nothing is known."""
    label = label_text(emotion or "")
    return f" (felt {label})" if label else ""


def time_ago(then: date, today: date) -> str:
    """Return in words how long ago a day was."""
    days = (today - then).days
    if days < 1:
        return "today"
    if days == 1:
        return "yesterday"
    for unit, length, longest in (("days", 1, 14), ("weeks", 7, 61), ("months", 30.44, 730)):
        if days < longest:
            return f"{round(days / length)} {unit} ago"
    return f"{round(days / 365.25)} years ago"


def _said(memory: Memory, today: date) -> str:
    then = _day(memory.time) if memory.time else None
    when = f"On {then.isoformat()} ({time_ago(then, today)})" if then else "Earlier"
    return f'{when} they said: "{quoted(memory.text)}"{felt(memory.emotion)}'


def _answer(memory: Memory) -> str:
    reply = quoted(memory.reply, MAX_REPLY_CHARACTERS)
    return f'; you answered: "{reply}"' if reply else ""


def _day(timestamp: float) -> date | None:
    """Return the day of a time in the computer's own zone; None where it has none there."""
    try:
        return datetime.fromtimestamp(timestamp).date()
    except (OverflowError, OSError, ValueError):
        return None
