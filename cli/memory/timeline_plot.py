"""Plot of a person's emotions over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ...evaluation.report import new_figure, save_figure
from ...memory import Period, PeriodName, Point, emotion_shares

_MAX_ROWS = 8
"""Emotions with their own row and colour; the others share one."""
_OTHERS = "others"
_DAYS = {"day": 1, "week": 7, "month": 30}
_GREY = "#b9b9c3"
_BRIGHT = "#7b3fa0 #e08a1e #2e9e5b #d1495b #2b7fc3 #8c6d46 #e07bb5 #b5b52e #1fb5b5".split()
"""One more than there are emotions with a row, since a row of others that has one emotion is named after it."""


def plot_timeline(path: Path, points: Sequence[Point], periods: Sequence[Period], period: PeriodName) -> None:
    """Draw a timeline: above, the share of each emotion per period; below, each turn in its emotion's row.

    The more probable a turn's emotion, the larger its dot.

    Raises:
        SetupError: matplotlib is not installed.
    """
    rows = _rows(points)
    figure = new_figure(10, 2.6 + 0.42 * len(rows))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 0.36 * len(rows) + 0.4))
    colours = _colours(rows)
    _bars(upper, rows, colours, periods, period)
    _dots(lower, rows, colours, points)
    first, last = (datetime.fromtimestamp(point.time).date().isoformat() for point in (points[0], points[-1]))
    upper.set_title(f"{len(points):,} turns, {first} to {last}", fontsize=11, loc="left")
    for axes in (upper, lower):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
    save_figure(figure, path)


def _bars(
    axes: Any, rows: Sequence[str], colours: dict[str, str], periods: Sequence[Period], period: PeriodName
) -> None:
    middles = [datetime.combine(row.start, datetime.min.time()) for row in periods]
    middles = [start + timedelta(days=_DAYS[period] / 2) for start in middles]
    below = [0.0] * len(periods)
    for row in rows:
        heights = [_share(summary.emotions, row, rows) for summary in periods]
        axes.bar(middles, heights, bottom=below, width=0.85 * _DAYS[period], color=colours[row])
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_ylabel(f"share per {period}")


def _dots(axes: Any, rows: Sequence[str], colours: dict[str, str], points: Sequence[Point]) -> None:
    for index, row in enumerate(rows):
        turns = [point for point in points if (point.emotion if point.emotion in rows else _OTHERS) == row]
        times = [datetime.fromtimestamp(point.time) for point in turns]
        sizes = [12 + 130 * point.probability for point in turns]
        axes.axhline(index, color="#eeeeee", linewidth=1, zorder=0)
        axes.scatter(times, [index] * len(turns), s=sizes, color=colours[row], alpha=0.7, linewidths=0)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.figure.autofmt_xdate(rotation=0, ha="center")


def _rows(points: Sequence[Point]) -> list[str]:
    emotions = list(emotion_shares(points))
    return emotions if len(emotions) <= _MAX_ROWS + 1 else [*emotions[:_MAX_ROWS], _OTHERS]


def _share(emotions: dict[str, float], row: str, rows: Sequence[str]) -> float:
    if row != _OTHERS:
        return emotions.get(row, 0.0)
    return sum(share for emotion, share in emotions.items() if emotion not in rows)


def _colours(rows: Sequence[str]) -> dict[str, str]:
    return {**dict(zip(rows, _BRIGHT, strict=False)), _OTHERS: _GREY}
