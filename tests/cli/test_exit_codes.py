"""Exit codes of wrong set-ups, of Ctrl-C and of files that cannot be written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.error_messages import sentence
from hef.contract import SetupError
from scripted_chat import ScriptedChat
from typer.testing import CliRunner

SAID = "My dog died last night."


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.cli.chat.reply_command.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, list(arguments), **options)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["reply", SAID, "--user", " "], {}, "--user is ' ': it is blank"),
        (["memory", "list"], {"HEF_USER": "\t"}, "it is blank; give a text that names one person"),
        (["memory", "import", "-", "--user", ""], {}, "--user is blank"),
        (["reply", SAID, "--user", "ana"], {"HEF_CHROMA_URL": "localhost:8000"}, "give the address of a server"),
        (["chat"], {"HEF_CHROMA_URL": "http://"}, "HEF_CHROMA_URL is 'http://': give the address"),
        (["chat", "--home", "/proc/hef"], {}, "the folder /proc/hef cannot be made: "),
        (["memory", "import", "-", "--home", "/dev/null/hef"], {}, "the folder /dev/null cannot be made: File exists"),
    ],
)
def test_a_wrong_set_up_is_usage(arguments: list[str], environment: dict[str, str], said: str) -> None:
    done = run(*arguments, env=environment, input="")

    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("command", "text"), [(["reply", SAID], ""), (["chat", "--private"], SAID)])
def test_an_llm_that_turns_out_not_to_load_is_a_wrong_set_up(
    command: list[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedChat(script=[SetupError("huggingface:no/such could not be loaded: OSError")] * 4)
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)

    done = run(*command, input=text)

    assert done.exit_code == 2
    assert "error: huggingface:no/such could not be loaded" in done.stderr


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("malformed")])
def test_an_error_of_a_database_is_a_sentence(error: Exception) -> None:
    said = sentence(error)

    assert said.startswith("a file in HEF's folder could not be read or written: ")
    assert str(error) not in said


@pytest.mark.parametrize("place", ["import", "command"])
def test_ctrl_c_ends_a_command_quietly(place: str, tmp_path: Path) -> None:
    module, name = {"import": ("hef.cli.app", ""), "command": ("hef.cli.sems", "sems")}[place]
    code = f"""
import importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has its children ignore it
class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["hef", {name!r}]
from hef.cli import main
main()
"""
    environment = {**os.environ, "HEF_HOME": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)

    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("arguments", [[], ["memory"], ["serve", "key"]])
def test_without_a_command_the_help_is_printed_and_no_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Usage: hef" in done.stdout
    assert done.stderr == ""
