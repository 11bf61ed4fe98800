"""What a person felt over time: one point a turn, and its summary by day, week or month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal, TypeAlias

from ..contract import Memory

PeriodName: TypeAlias = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Point:
    """The emotion of one turn."""

    time: float
    """Unix time in seconds."""
    emotion: str
    """The emotion that was decided."""
    probability: float
    """Its probability; 1 where the turn was stored without one."""
    id: str
    """The turn."""


@dataclass(frozen=True, slots=True)
class Period:
    """What was felt in a day, a week or a month."""

    start: date
    """Its first day."""
    name: str
    """The day (2026-11-24), the ISO week (2026-W48) or the month (2026-11)."""
    turns: int
    """Turns with an emotion."""
    emotions: dict[str, float]
    """Share of each emotion, the largest first; a turn counts by its probability. Sums to 1."""


def timeline(memories: Iterable[Memory]) -> list[Point]:
    """Return the emotions of a person's turns, oldest first; turns without one are left out."""
    points = [
        Point(memory.time, memory.emotion, 1.0 if memory.probability is None else memory.probability, memory.id)
        for memory in memories
        if memory.emotion
    ]
    return sorted(points, key=lambda point: (point.time, point.id))


def by_period(points: Sequence[Point], period: PeriodName, zone: tzinfo | None = None) -> list[Period]:
    """Return a timeline's summary, oldest first; periods without a turn are left out.

    Args:
        points: The timeline.
        period: What is summed up; a week begins on Monday.
        zone: Where days begin at midnight; by default the computer's own time zone.
    """
    within: dict[date, list[Point]] = defaultdict(list)
    for point in points:
        within[_start(datetime.fromtimestamp(point.time, zone).date(), period)].append(point)
    return [
        Period(start, _name(start, period), len(held), emotion_shares(held)) for start, held in sorted(within.items())
    ]


def emotion_shares(points: Iterable[Point]) -> dict[str, float]:
    """Return the share of each emotion, the largest first; of points without any probability all count equally."""
    held = list(points)
    whole = sum(point.probability for point in held)
    found: dict[str, float] = defaultdict(float)
    for point in held:
        found[point.emotion] += point.probability / whole if whole else 1 / len(held)
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _start(day: date, period: PeriodName) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if period == "week" else 0)


def _name(start: date, period: PeriodName) -> str:
    if period == "month":
        return f"{start:%Y-%m}"
    year, week, _ = start.isocalendar()
    return f"{year}-W{week:02}" if period == "week" else start.isoformat()
