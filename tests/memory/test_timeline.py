"""What a person felt over time: points, periods, the plot in a terminal and as a picture."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.memory.timeline_command import emotion_bar
from hef.contract import Memory
from hef.memory import ChromaStore, by_period, emotion_shares, remember_turns, timeline
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner


def felt(day: str, emotion: str | None, probability: float | None = 0.5) -> Memory:
    time = datetime.fromisoformat(f"{day}T12:00").astimezone().timestamp()
    return Memory(id=f"{day} {emotion}", text="…", emotion=emotion, probability=probability, time=time)


TOLD = [
    felt("2024-01-03", "joyful", 0.9),
    felt("2024-01-01", "sad", 0.6),
    felt("2023-12-31", "sad", 0.3),
    felt("2024-01-02", None),
    felt("2024-01-01", "lonely", 0.2),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with ChromaStore(tmp_path / "memory") as store:
        remember_turns(store, "ana", TOLD)
        remember_turns(store, "ben", [felt("2024-01-01", "proud")])
    return tmp_path


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["memory", "timeline", "--home", str(home), "--user", "ana", *arguments])


def test_a_timeline_is_in_order_and_leaves_out_turns_without_an_emotion() -> None:
    points = timeline(TOLD)
    assert [point.emotion for point in points] == ["sad", "lonely", "sad", "joyful"]
    assert [point.probability for point in points] == [0.3, 0.2, 0.6, 0.9]
    assert timeline([felt("2024-01-01", "sad", None)])[0].probability == 1.0


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("day", [("2023-12-31", 1), ("2024-01-01", 2), ("2024-01-03", 1)]),
        ("week", [("2023-W52", 1), ("2024-W01", 3)]),
        ("month", [("2023-12", 1), ("2024-01", 3)]),
    ],
)
def test_periods(period: Any, expected: list[tuple[str, int]]) -> None:
    assert [(found.name, found.turns) for found in by_period(timeline(TOLD), period)] == expected


def test_an_emotion_counts_by_its_probability() -> None:
    (_, january) = by_period(timeline(TOLD), "month")
    assert january.start == date(2024, 1, 1)
    assert list(january.emotions) == ["joyful", "sad", "lonely"]
    assert january.emotions["sad"] == pytest.approx(0.6 / 1.7)


def test_a_day_begins_at_midnight_of_the_zone() -> None:
    late = Memory(id="1", text="…", emotion="sad", time=datetime(2024, 1, 1, 23, 59, tzinfo=UTC).timestamp())
    (found,) = by_period(timeline([late]), "day", UTC)
    assert found.name == "2024-01-01"


@given(st.lists(st.tuples(st.sampled_from(["sad", "joyful", "proud"]), st.floats(0, 1)), min_size=1))
def test_shares_sum_to_1_and_fill_the_emotion_bar(told: list[tuple[str, float]]) -> None:
    points = timeline(Memory(id=str(n), text="…", emotion=e, probability=p) for n, (e, p) in enumerate(told))
    found = emotion_shares(points)
    assert sum(found.values()) == pytest.approx(1)
    assert len(emotion_bar(found, {"sad": "red"}).plain) == 30


def test_the_command_shows_one_persons_periods(home: Path) -> None:
    done = run(home, "--by", "month")
    assert done.exit_code == 0, done.stderr
    assert "2024-01" in done.stdout
    assert "joyful 53%" in done.stdout
    assert "4 turns" in done.stdout
    assert "proud" not in done.stdout


def test_the_command_gives_json_of_a_range(home: Path) -> None:
    held = json.loads(run(home, "--json", "--since", "2024-01-01").stdout)
    assert (held["user"], held["by"]) == ("ana", "day")
    assert [point["emotion"] for point in held["points"]] == ["lonely", "sad", "joyful"]
    assert held["periods"][0]["start"] == "2024-01-01"


def test_the_command_draws_a_picture(home: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = home / "new" / "felt.png"
    assert run(home, "--png", str(picture)).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_nothing_stored_and_a_wrong_picture_name_are_said(tmp_path: Path) -> None:
    empty = run(tmp_path)
    assert empty.exit_code == 0
    assert "No turn with an emotion" in empty.stdout
    assert json.loads(run(tmp_path, "--json").stdout)["points"] == []
    wrong = run(tmp_path, "--png", "felt.jpg")
    assert wrong.exit_code == 2
    assert ".png" in wrong.stderr
