"""Files of a run that can be interrupted: what was written is read again, whatever the text and however it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from hef.contract import SetupError
from hef.data.json_lines import JsonLinesLog, check_settings
from pydantic import BaseModel


class Row(BaseModel):
    """A row of text."""

    text: str


def test_rows_are_read_again_whatever_line_separators_their_text_has(tmp_path: Path) -> None:
    rows = [Row(text="one\u2028two"), Row(text="three\x85four\nfive")]
    log = JsonLinesLog(tmp_path / "run" / "rows.jsonl", Row)
    for row in rows:
        log.append([row])

    assert JsonLinesLog(tmp_path / "run" / "rows.jsonl", Row).read() == rows


def test_an_incomplete_last_line_is_skipped_and_does_not_spoil_the_next_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    log = JsonLinesLog(path, Row)
    log.append([Row(text="first"), Row(text="second")])
    path.write_bytes(path.read_bytes()[:-5])

    log.append([Row(text="third")])

    assert [row.text for row in log.read()] == ["first", "third"]


def test_without_a_path_nothing_is_stored() -> None:
    log = JsonLinesLog(None, Row)
    log.append([Row(text="lost")])
    assert log.read() == []


def test_other_settings_are_refused_and_equal_ones_resume(tmp_path: Path) -> None:
    for _ in range(2):
        check_settings(tmp_path / "run.json", {"seed": 0, "folder": tmp_path}, name="recipe", advice="start anew")
    with pytest.raises(SetupError, match=r"another recipe \(seed 0 -> 1\); start anew"):
        check_settings(tmp_path / "run.json", {"seed": 1}, name="recipe", advice="start anew")

    (tmp_path / "run.json").write_text("{")
    with pytest.raises(SetupError, match="not JSON"):
        check_settings(tmp_path / "run.json", {"seed": 1}, name="recipe", advice="start anew")
