from __future__ import annotations

import json
from pathlib import Path

import pytest
from hef.cli.app import app
from hef.cli.error_messages import UNANSWERED
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


def test_everyday_talk_is_measured_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Conversation("day", "", "", (Turn("speaker", "hello"), Turn("listener", "Hi."), Turn("speaker", "kill me")))
    monkeypatch.setattr(safety_cases, "everyday_talk", lambda: {"chats": [chat], "talks": [chat, chat]})

    document = json.loads(run("--chats", "--json"))

    assert [(result["data"], result["turns"]) for result in document["results"]] == [("chats", 2), ("talks", 4)]


def test_an_llm_that_answers_in_rounds_is_measured(tmp_path: Path) -> None:
    cases, folder = write_cases(tmp_path / "c.jsonl"), tmp_path / "batch"
    command = ["evaluate", "safety", "--cases", str(cases), "--model", f"batch:{folder}", "--json"]
    assert CliRunner().invoke(app, command).exit_code == UNANSWERED
    (question,) = map(json.loads, (folder / "questions.jsonl").read_text().splitlines())  # both cases say the same
    assert "Speaker: hello" in question["body"]["messages"][0]["content"]
    row = {"custom_id": question["custom_id"], "text": "danger | suicide | hello"}
    (folder / "answers.jsonl").write_text(json.dumps(row))

    document = json.loads(run(*command[2:]))

    assert document["unusable answers"] == 0
    assert document["results"][0]["danger_recall"]["count"] == 1
    assert document["results"][0]["harmless_to_danger"]["count"] == 1


def test_a_refusing_llm_leaves_hefs_own_check_and_is_counted(tmp_path: Path) -> None:
    cases, folder = write_cases(tmp_path / "c.jsonl"), tmp_path / "batch"
    command = ["evaluate", "safety", "--cases", str(cases), "--model", f"batch:{folder}", "--json"]
    CliRunner().invoke(app, command)
    question = json.loads((folder / "questions.jsonl").read_text())
    row = {"custom_id": question["custom_id"], "text": "I cannot discuss this."}
    (folder / "answers.jsonl").write_text(json.dumps(row))

    result = CliRunner().invoke(app, command)

    document = json.loads(result.stdout)
    assert "1 answers of the LLM could not be used" in result.stderr

    assert document["unusable answers"] == 1
    assert document["results"][0]["danger_recall"]["count"] == 0
