"""What every command shares: help, versions, settings, exit codes and one-sentence errors."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hef.cli.app import app
from hef.cli.settings import load_settings
from typer.testing import CliRunner

HEAVY = (
    "torch transformers langgraph langchain_core chromadb onnxruntime pydantic numpy asyncio importlib.metadata".split()
)

COMMANDS = "reply chat ui characters memory perceive sems mcp serve train evaluate bench".split()


def run(*arguments: str, stdin: str | None = None):
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_help_loads_nothing_heavy():
    code = "import sys; from hef.cli.app import app\ntry: app(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_groups_the_commands_and_shows_examples():
    shown = run("--help").output
    for word in ("Talk", "Read emotions", "Train and measure", "Examples", "HEF_MODEL", "Exit codes"):
        assert word in shown
    for command in COMMANDS:
        assert command in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert "Usage: hef" in done.output or "Usage: root" in done.output


def test_it_runs_as_a_module_and_tells_its_version():
    done = subprocess.run([sys.executable, "-m", "hef.cli", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"hef {version('hef')}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reply",), "TEXT"),
        (("reply", "  "), "blank"),
        (("perceive", "\n"), "blank"),
        (("reply", "hello", "--primary", "0"), "--primary"),
        (("reply", "hello", "--primary", "1.5"), "--primary"),
        (("reply", "hello", "--primary", "nan"), "--primary"),
        (("reply", "hello", "--strategy", "guess"), "two_stage"),
        (("chat", "--max-requeries", "99"), "--max-requeries"),
        (("evaluate", "emotion"), "--data"),
        (("train", "calibrate", "."), "--data"),
        (("bench", "sem", "--repeats", "0"), "--repeats"),
        (("dance",), "dance"),
        (("calibrate", "sem"), "hef train calibrate"),
        (("bench", "serve"), "'serving', 'chat-server'"),
        (("evaluate", "causes", "--data", "x.jsonl", "--json", "out.json"), "--out FILE"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(arguments: tuple[str, ...], said: str):
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_failure_is_one_sentence_and_code_1():
    done = run("perceive", "hello", "--sem", "no-such-sem")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: unknown SEM 'no-such-sem'")
    assert done.stderr.count("\n") == 1


def test_debug_adds_the_traceback():
    done = run("--debug", "perceive", "hello", "--sem", "no-such-sem")
    assert done.exit_code == 1
    assert "Traceback" in done.stderr


def test_an_unforeseen_error_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch):
    def burst() -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("hef.sem.installed_sems", burst)
    done = run("sems")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ZeroDivisionError: of all things")


def test_a_flag_comes_before_the_environment_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HEF_SEM", raising=False)
    assert load_settings().sem is None
    monkeypatch.setenv("HEF_SEM", "from-environment")
    assert load_settings().sem == "from-environment"
    assert load_settings(sem="from-flag").sem == "from-flag"
    assert load_settings(sem=None).sem == "from-environment"


def test_the_thread_count_reaches_the_models(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEF_THREADS", "1")
    assert load_settings(threads=2).threads == 2
    assert os.environ["HEF_THREADS"] == "2"


def test_the_home_folder_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEF_HOME", "~/somewhere")
    assert load_settings().home == Path.home() / "somewhere"


def test_a_setting_that_cannot_be_names_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEF_THREADS", "many")
    done = run("perceive", "hello")
    assert done.exit_code == 2
    assert "HEF_THREADS is 'many'" in done.stderr


def test_sems_lists_the_shipped_one():
    shown = run("sems").stdout
    assert "minilm" in shown
    assert "…" not in shown, "figures are cut off on a narrow terminal"
    done = run("sems", "--json")
    assert '"name": "minilm"' in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path):
    lines = tmp_path / "lines.jsonl"
    lines.write_text('"I am so happy."\n' * 300, encoding="utf-8")
    command = f'"{sys.executable}" -m hef.cli perceive --no-causes --batch-size 4 - < "{lines}" | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert '"emotion"' in done.stdout
    assert done.stderr == ""
