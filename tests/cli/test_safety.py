"""Danger on the command line: the text with the number of the region, no emotion, and counts without content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.contract import Empathy
from hef.graph import open_store
from hef.memory import list_turns
from scripted_chat import ScriptedChat
from typer.testing import CliRunner

DANGER = "I want to kill myself."


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedChat:
    """Let a scripted LLM stand for the embedded one."""
    model = ScriptedChat(script=["Cheer up!"])
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)
    for command in ("reply_command", "chat_command"):
        monkeypatch.setattr(f"hef.cli.chat.{command}.preload_llm", lambda model: None)
    return model


def run(*arguments: str, typed: str | None = None, **environment: str) -> Any:
    return CliRunner().invoke(app, list(arguments), input=typed, env=environment)


@pytest.mark.parametrize("form", [["--region", "us"], []])
def test_a_reply_names_the_number_and_shows_no_emotion(form: list[str], model: ScriptedChat) -> None:
    done = run("reply", DANGER, *form, HEF_REGION="US")

    assert done.exit_code == 0, done.stderr
    assert "988" in done.stdout
    assert "emotion" not in done.stdout
    assert "Cheer up!" not in done.stdout
    assert model.prompts == []


def test_a_reply_as_json_has_the_finding() -> None:
    done = run("reply", DANGER, "--region", "GB", "--json")

    row = json.loads(done.stdout)
    assert Empathy.model_validate(row["empathy"]).safety.level == "danger"
    assert "116 123" in row["reply"]


def test_a_wrong_region_is_refused() -> None:
    done = run("reply", DANGER, "--region", "Europe")

    assert done.exit_code == 2
    assert "--region is 'Europe': give the two letters" in " ".join(done.stderr.split())
    done = run("reply", DANGER, HEF_REGION="Europe")
    assert "HEF_REGION is 'Europe': give the two letters" in " ".join(done.stderr.split())


def test_a_chat_goes_on_after_danger_and_nothing_of_it_is_remembered(tmp_path: Path) -> None:
    typed = f"{DANGER}\n/emotion\n{DANGER}\nI bought a bicycle.\n/quit\n"

    done = run(
        "chat", "--user", "ana", "--home", str(tmp_path), "--region", "US", "--strategy", "sem_only", typed=typed
    )

    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("988 Suicide") == 2
    assert "safety" in done.stdout
    assert "Cheer up!" in done.stdout
    with open_store(tmp_path) as store:
        assert [turn.text for turn in list_turns(store, "ana")] == ["I bought a bicycle."]
    report = json.loads(run("safety", "report", "--home", str(tmp_path), "--json").stdout)
    assert (report["danger"], report["concern"]) == (2, 0)
    assert [(row["level"], row["region"], row["turns"]) for row in report["counts"]] == [("danger", "US", 2)]


def test_the_report_is_a_table_by_period_and_region(tmp_path: Path) -> None:
    rows = [("2026-03-01", "danger", "US"), ("2026-03-09", "concern", None), ("2026-04-02", "danger", "US")]
    lines = [json.dumps(dict(zip(("day", "level", "region"), row, strict=True))) for row in rows]
    (tmp_path / "safety_counts.jsonl").write_text("\n".join(lines), encoding="utf-8")

    table = run("safety", "report", "--home", str(tmp_path)).stdout
    later = run("safety", "report", "--home", str(tmp_path), "--since", "2026-04-01", "--by", "day").stdout

    assert [line.split() for line in table.splitlines() if line.strip().startswith("2026")] == [
        ["2026-03", "US", "1", "0"],
        ["2026-03", "–", "0", "1"],
        ["2026-04", "US", "1", "0"],
    ]
    assert "2026-04-02" in later
    assert "2026-03" not in later


def test_where_nothing_is_stored_nothing_is_counted(tmp_path: Path) -> None:
    run("reply", DANGER, "--home", str(tmp_path))
    run("chat", "--private", "--user", "ana", "--home", str(tmp_path), typed=f"{DANGER}\n")

    assert not list(tmp_path.rglob("safety_counts.jsonl"))
    assert "No turn" in run("safety", "report", "--home", str(tmp_path)).stdout


def test_perceive_marks_what_was_raised_and_leaves_other_rows_as_they_are() -> None:
    typed = "\n".join(json.dumps(text) for text in (DANGER, "I bought a bicycle."))

    raised, harmless = (json.loads(line) for line in run("perceive", "--no-causes", typed=typed).stdout.splitlines())

    assert raised["safety"]["level"] == "danger"
    assert "safety" not in harmless
    assert "danger, suicide" in run("perceive", DANGER).stdout
