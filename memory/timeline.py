"""A person's emotions over time: one point per turn, and their summary by day, week or month."""

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
    """Id of the turn."""
    character: str = ""
    """The character it was said to, empty for none."""


@dataclass(frozen=True, slots=True)
class Period:
    """The emotions of a day, a week or a month."""

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
        Point(
            memory.time,
            memory.emotion,
            1.0 if memory.probability is None else memory.probability,
            memory.id,
            memory.character,
        )
        for memory in memories
        if memory.emotion
    ]
    return sorted(points, key=lambda point: (point.time, point.id))


def by_period(points: Sequence[Point], period: PeriodName, zone: tzinfo | None = None) -> list[Period]:
    """Return a timeline's summary, oldest first; periods without a turn are left out.

    Args:
        points: The timeline.
        period: Length of a period; a week begins on Monday.
        zone: Time zone at whose midnight days begin; by default the computer's own.
    """
    points_by_start: dict[date, list[Point]] = defaultdict(list)
    for point in points:
        day = datetime.fromtimestamp(point.time, zone).date()
        points_by_start[_period_start(day, period)].append(point)
    return [
        Period(start, _period_name(start, period), len(points_within), emotion_shares(points_within))
        for start, points_within in sorted(points_by_start.items())
    ]


def emotion_shares(points: Iterable[Point]) -> dict[str, float]:
    """Return the share of each emotion, the largest first; of points without any probability all count equally."""
    points = list(points)
    total = sum(point.probability for point in points)
    shares: dict[str, float] = defaultdict(float)
    for point in points:
        shares[point.emotion] += point.probability / total if total else 1 / len(points)
    return dict(sorted(shares.items(), key=lambda emotion_and_share: (-emotion_and_share[1], emotion_and_share[0])))


def _period_start(day: date, period: PeriodName) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if period == "week" else 0)


def _period_name(start: date, period: PeriodName) -> str:
    if period == "month":
        return f"{start:%Y-%m}"
    year, week, _ = start.isocalendar()
    return f"{year}-W{week:02}" if period == "week" else start.isoformat()
