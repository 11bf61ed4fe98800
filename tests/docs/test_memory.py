"""The commands of docs/memory.md, run from top to bottom."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
from pathlib import Path

import pytest
from chroma_server import chroma_server
from documents import ROOT
from hef.cli.app import app
from typer.testing import CliRunner

DOC = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
ALONE, _, REST = DOC.partition("## Many people")
SERVER, _, REST = REST.partition("## Back up")
REST, _, STOPPED = REST.partition("Behind a server")


class Shell:
    """Runs the lines of shell blocks in this process: `export`, `unset` and `hef`."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        for name in ("HEF_HOME", "HEF_USER", "HEF_CHROMA_URL"):
            patch.delenv(name, raising=False)

    def part(self, text: str, **changed: str) -> str:
        """Run the commands of a part of the document and return what they print."""
        blocks = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        for old, new in changed.items():
            blocks = blocks.replace(old, new)
        # These two do not end by themselves.
        ending = (line for line in blocks.splitlines() if not line.startswith(("hef chat", "chroma run")))
        return "".join(map(self.line, ending))

    def line(self, line: str) -> str:
        """Run one command and return what it prints."""
        command, *words = shlex.split(line)
        if command == "export":
            name, _, value = words[0].partition("=")
            self._patch.setenv(name, os.path.expanduser(value))
            return ""
        if command == "unset":
            self._patch.delenv(words[0], raising=False)
            return ""
        assert command == "hef"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{line}: {result.stderr}"
        return result.stdout


@pytest.fixture
def sh(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Shell:
    return Shell(monkeypatch, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    turn = {"text": "My dog Bello died.", "thread": "ana/monday", "time": 1793608200.0}
    lines = [json.dumps({"user": user, "id": f"turn of {user}", "turn": turn}) for user in ("ana", "ben")]
    (tmp_path / "first.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_the_commands_for_a_folder_run(sh: Shell, folder: Path) -> None:
    sh.part(ALONE)
    assert sh.line("hef memory import first.jsonl") == "2 added\n"
    output = sh.part(REST)
    assert "2 unchanged" in output
    assert "Forgot 1 turn of ana." in output
    assert len((folder / "everyone.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert [turn["id"] for turn in json.loads(sh.line("hef memory list --user ben --json"))] == ["turn of ben"]


def test_the_commands_for_a_server_run(sh: Shell, folder: Path) -> None:
    with chroma_server(folder) as url:
        sh.line(f"export HEF_CHROMA_URL={url}")
        sh.line("hef memory import first.jsonl")
        assert "Bello" in sh.part(SERVER, **{"http://localhost:8000": url})
        assert "Forgot 1 turn" in sh.line("hef memory forget --user ben --yes")
    (folder / "hef-data").mkdir()
    (folder / "data").rename(folder / "hef-data" / "memory")
    sh.line("export HEF_HOME=~/hef-data")
    assert b"turn of ben" in (folder / "hef-data" / "memory" / "chroma.sqlite3").read_bytes()
    sh.part(STOPPED)
    assert b"turn of ben" not in (folder / "hef-data" / "memory" / "chroma.sqlite3").read_bytes()
    assert "Bello" in sh.line("hef memory list --user ana")


def test_the_python_of_it_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hef.graph import open_store
    from hef.memory import import_turns

    monkeypatch.chdir(folder)
    with open_store("companion") as store, (folder / "first.jsonl").open("rb") as lines:
        import_turns(store, lines)
    outputs = []
    for snippet in re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL):
        (folder / "snippet.py").write_text(snippet, encoding="utf-8")
        runpy.run_path(str(folder / "snippet.py"))
        outputs.append(capsys.readouterr().out)
    stored, pinned = outputs
    assert stored.startswith("turn of ana My dog Bello died.\n1 1\n")
    assert "Bello" in stored.splitlines()[-1]
    assert pinned == "Ana I am allergic to nuts. pinned\n"
