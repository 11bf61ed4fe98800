"""The Python of docs/serving.md, run against a worker and the engines that it names."""

from __future__ import annotations

import re
import runpy
from contextlib import ExitStack
from pathlib import Path

import pytest
from documents import ROOT
from postgres_server import binaries
from serving_site import Site

pytest.importorskip("psycopg")
pytest.importorskip("langchain_openai")

DOC = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server: apt-get install postgresql")
def test_the_python_of_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        site = Site(tmp_path, stack, replies=100, at_once=1)
        site.wait_for(site.worker("key"))
        for name, value in site.settings("key").items():
            monkeypatch.setenv(name, value)
        shown = [_run(tmp_path, snippet, capsys) for snippet in SNIPPETS]
        assert [row[0] for row in site.ask("SELECT count(*) FROM hef_turns")] == [1]
    assert len(shown) == 2
    assert all("I hear you." in words for words in shown), shown
    assert shown[1].split()[-1] == "1", "the second conversation recalls the first"


def test_the_settings_that_it_names_are_those_of_the_worker_and_the_compose_file() -> None:
    named = set(re.findall(r"`((?:HEF|OPENAI)_[A-Z_]+)`", DOC))
    read = set(re.findall(r"environ(?:\[|\.get\()\"(\w+)\"", (ROOT / "deploy" / "worker.py").read_text()))
    assert read <= named


def _run(folder: Path, snippet: str, capsys: pytest.CaptureFixture[str]) -> str:
    script = folder / "snippet.py"
    script.write_text(snippet, encoding="utf-8")
    runpy.run_path(str(script))
    return capsys.readouterr().out
