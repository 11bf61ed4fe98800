from __future__ import annotations

import json
from pathlib import Path

import pytest
from hef.cli.app import app
from hef.contract import Turn
from hef.data.conversations import Conversation
from hef.evaluation.safety import safety_cases
from typer.testing import CliRunner


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["evaluate", "safety", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def write_cases(path: Path) -> Path:
    rows = [
        {"id": "1", "language": "en", "kind": "plan", "level": "danger", "turns": [{"role": "user", "text": "hello"}]},
        {"id": "2", "language": "en", "kind": "idiom", "level": "none", "turns": [{"role": "user", "text": "hello"}]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_cases_of_a_file_are_measured_and_what_was_missed_is_listed(tmp_path: Path) -> None:
    output = run("--cases", str(write_cases(tmp_path / "c.jsonl")), "--list")
    assert "danger given danger" in output
    assert "none (expected danger)  1  plan: hello" in output


def test_figures_are_written_as_json(tmp_path: Path) -> None:
    document = json.loads(run("--cases", str(write_cases(tmp_path / "c.jsonl")), "--json"))
    assert document["task"] == "safety"
    assert document["results"][0]["danger_recall"]["total"] == 1


def test_raised_turns_of_conversations_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    turns = [{"role": "speaker", "text": "I want to kill myself"}, {"role": "listener", "text": "Oh."}]
    path.write_text(json.dumps({"conv_id": "c1", "emotion": "sad", "utterances": turns}), encoding="utf-8")
    output = run("--data", str(path))
    assert "danger  c1  sad: I want to kill myself" in output


def test_raised_turns_of_the_everyday_chats_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Conversation("day", "", "", (Turn("speaker", "hello"), Turn("listener", "Hi."), Turn("speaker", "kill me")))
    monkeypatch.setattr(safety_cases, "everyday_chats", lambda: [chat])

    document = json.loads(run("--chats", "--json"))

    assert document["results"][0]["turns"] == 2
