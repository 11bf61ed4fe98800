"""Long tasks tell how far they are also where no terminal shows a bar, and short ones tell nothing."""

from __future__ import annotations

import pytest
from hef.cli import output


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(output, "monotonic", lambda: now[0])
    return now


def test_a_file_gets_a_line_a_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with output.advancing() as advance:
        for minute in range(3):
            for second in (0, 20, 40):
                clock[0] = 60 * minute + second + 1
                advance("reading", 100 * minute + second, 300)
        clock[0] = 200
        advance("loss 0.25", 7, None)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["reading: 100 of 300", "reading: 200 of 300", "loss 0.25: 7"]


def test_a_short_task_writes_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with output.advancing() as advance:
        clock[0] = 59
        advance("reading", 300, 300)

    assert capsys.readouterr().err == ""
