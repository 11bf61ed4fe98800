from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hef.graph import create_hef
from readme import README, ROOT, blocks

PYTHON = blocks("python")


def test_the_two_commands_come_first_and_are_targets_of_the_makefile() -> None:
    (first, *_) = blocks("sh")
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert [line.split()[:2] for line in first.strip().splitlines()] == [["make", "reply"], ["make", "test"]]
    assert {"reply", "test"} <= set(targets)


def test_the_picture_of_the_graph_is_drawn_from_the_code(scripted: Any) -> None:
    (picture,) = blocks("mermaid")

    drawn = create_hef(model=scripted("x")).compile().get_graph().draw_mermaid()

    arrows = re.compile(r"^\s*(\w+) (-->|-\.->) (\w+);", re.MULTILINE)
    assert sorted(arrows.findall(picture)) == sorted(arrows.findall(drawn))


@pytest.mark.parametrize("snippet", PYTHON, ids=[f"snippet{i}" for i in range(len(PYTHON))])
def test_every_python_snippet_runs(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")

    runpy.run_path(str(script), run_name="snippet")


def test_there_are_snippets() -> None:
    assert len(PYTHON) >= 3


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8"))

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert links
    assert [link for link in links if link not in tracked] == []
