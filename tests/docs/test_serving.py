"""The Python of docs/serving.md, run against a chat server and the engines that it names."""

from __future__ import annotations

import re
import runpy
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
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
        site = Site(tmp_path, stack, replies=100)
        (server,) = site.serve("key")
        for name, value in site.settings("key").items():
            monkeypatch.setenv(name, value)
        snippets = [snippet.replace("http://127.0.0.1:8200", server.url) for snippet in SNIPPETS]
        shown = [_run(tmp_path, snippet, capsys) for snippet in snippets]
    assert len(shown) == 2
    assert all("I hear you." in words for words in shown), shown
    assert shown[0].split()[-1] == "True", "what is sent twice has one reply"
    assert shown[1].split()[-1] == "1", "the second conversation recalls the first"


def test_the_settings_of_the_compose_file_are_named() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    given = {name for service in ("hef", "langgraph") for name in compose["services"][service]["environment"]}
    named = set(re.findall(r"`([A-Z_]+)`", DOC))
    assert {name for name in given if name != "REDIS_URI"} <= named


def _run(folder: Path, snippet: str, capsys: pytest.CaptureFixture[str]) -> str:
    script = folder / "snippet.py"
    script.write_text(snippet, encoding="utf-8")
    runpy.run_path(str(script))
    return capsys.readouterr().out
