"""What `hef reply` and `hef chat` show of a turn that fails after the emotion was understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.cli.app import app
from hef.contract import Empathy, PoolingWeights
from hef.llm import model_name
from hef.nodes import RETRY
from scripted_chat import Broken, ScriptedChat
from typer.testing import CliRunner

SAID = "My dog died last night."
DOWN = ValueError("the line is dead")
BROKEN = Broken("I am so", httpx.ReadError("broken off", request=httpx.Request("POST", "http://127.0.0.1")))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.cli.chat.reply_command.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.graph.build.RETRY", RETRY._replace(initial_interval=0, jitter=False))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a scripted LLM stand for the embedded one."""

    def set_script(*answers: Any) -> ScriptedChat:
        model = ScriptedChat(script=list(answers))
        monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)
        return model

    return set_script


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, list(arguments), **options)


def test_a_reply_that_fails_is_one_sentence_and_the_emotion_is_shown(script: Any) -> None:
    script("sad", DOWN)

    done = run("reply", SAID)

    assert done.exit_code == 1
    for word in ("emotion", "sad", "judged", "*dog*"):
        assert word in done.stdout
    assert done.stderr.count("\n") == 1
    assert "could not draft a reply: ValueError; try again, or name another model (the line is dead)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reply_that_fails_prints_what_was_understood_as_json(script: Any) -> None:
    script("sad", DOWN)

    done = run("reply", SAID, "--json")

    assert done.exit_code == 1
    held = json.loads(done.stdout)
    assert held["reply"] is None
    assert "ValueError" in held["error"]
    assert Empathy.model_validate(held["empathy"]).causes


def test_a_chat_goes_on_after_a_reply_that_failed(script: Any, tmp_path: Path) -> None:
    script("sad", DOWN, "sad", "I hear you.")

    done = run("chat", "--home", str(tmp_path), "--json", input=f"{SAID}\nI miss him.\n")

    assert done.exit_code == 1
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["empathy"]["emotion"], first["reply"]) == ("sad", None)
    assert "ValueError" in first["error"]
    assert second["reply"].strip() == "I hear you."


def test_a_reply_that_breaks_off_is_shown_anew(script: Any) -> None:
    script("sad", BROKEN, "I hear you.")

    done = run("reply", SAID)

    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("  reply") == 2
    assert "I am so …" in done.stdout
    assert done.stdout.rstrip().endswith("I hear you.")


def test_a_folder_of_prompts_is_named_by_the_environment(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "draft.md").write_text("Say it in one word.", encoding="utf-8")
    monkeypatch.setenv("HEF_PROMPTS", str(tmp_path))
    model = script("sad", "Oh.")

    assert run("reply", SAID).exit_code == 0
    assert model.prompts[-1][0].text.endswith("\n\nSay it in one word.")

    (tmp_path / "drafft.md").write_text("x", encoding="utf-8")
    done = run("reply", SAID)
    assert done.exit_code == 2
    assert "drafft.md" in done.stderr


def test_a_fit_is_named_by_the_environment_and_one_of_another_pair_is_refused(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.json"
    model = script("trusting", "Oh.")
    votes = {"vote_first": 20.0, "vote_primary": 20.0, "vote_outside": 20.0}
    PoolingWeights(sem="minilm", model=model_name(model), form="generated", **votes).write(path)
    monkeypatch.setenv("HEF_FIT", str(path))
    done = run("reply", SAID, "--json")
    assert json.loads(done.stdout)["empathy"]["emotion"] == "trusting"

    PoolingWeights(sem="minilm", model="another", form="generated").write(path)
    done = run("reply", SAID)
    assert done.exit_code == 2
    assert "the fit is of SEM 'minilm' with LLM 'another'" in done.stderr
