"""`hef chat` with a scripted LLM, in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from scripted_chat import ScriptedChat
from typer.testing import CliRunner


class ChatRuns:
    """Runs of `hef` in one folder, and the LLM that answers in them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.model = ScriptedChat(script=["Reply one.", "Reply two.", "Reply three.", "Reply four."])

    def __call__(self, *lines: str, options: tuple[str, ...] = ()) -> str:
        """Run `hef chat` and return what is shown."""
        done = self.run("chat", "--strategy", "sem_only", *options, stdin="".join(f"{line}\n" for line in lines))
        assert done.exit_code == 0, done.output
        return " ".join(done.stdout.split())

    def run(self, *arguments: str, stdin: str = "") -> Any:
        """Run a command."""
        home = () if "--help" in arguments else ("--home", str(self.home))
        return CliRunner().invoke(app, [*arguments, *home], input=stdin)

    def remembered(self) -> list[tuple[str, str]]:
        """Return text and reply of each stored turn, oldest first."""
        return [(turn["text"], turn["reply"].strip()) for turn in self.turns()]

    def turns(self) -> list[dict[str, Any]]:
        """Return each stored turn with its id, oldest first."""
        lines = json.loads(self.run("memory", "list", "--json").stdout)
        return [{**line["turn"], "id": line["id"]} for line in lines[::-1]]

    def holding(self, text: str) -> list[str]:
        """Return the files that hold a text."""
        files = (file for file in self.home.rglob("*") if file.is_file())
        return [file.name for file in files if text.encode() in file.read_bytes()]


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ChatRuns:
    """Return runs in a new folder."""
    for name in ("HEF_USER", "HEF_CHROMA_URL", "HEF_HOME", "HEF_CHARACTERS", "HEF_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    runs = ChatRuns(tmp_path / "home")
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: runs.model)
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)
    return runs
