"""`hef evaluate replies`: from conversations to figures, pairs and the count of verdicts."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluate_cli import evaluate
from hef.evaluation.replies import reply_text
from hef.llm import resolve
from tiny_llm import tiny_llm


@pytest.fixture
def model(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = scripted("I am sad about your dog.")
    monkeypatch.setattr(resolve, "resolve_model", lambda spec: made)
    return made


def replies(*arguments: object) -> Any:
    return evaluate("replies", *arguments)


def test_the_figures_of_a_chat_model_are_shown_and_written(
    conversations: Path, tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "110")
    done = replies("--data", conversations, "--out", tmp_path / "out.json", "--report", tmp_path / "new" / "page.md")
    assert done.exit_code == 0, done.stderr
    assert "3 samples of 3 conversations" in done.stdout
    assert "LLM alone" in done.stdout
    held = json.loads((tmp_path / "out.json").read_text())
    assert (held["task"], held["model"], held["persona"]) == ("replies", "scripted", "a warm, attentive friend")
    assert [result["variant"] for result in held["results"]] == ["hef", "plain", "human"]
    assert [result["perplexity"] for result in held["results"]] == [None] * 3
    assert "NaN" not in (tmp_path / "out.json").read_text()
    assert "# Replies" in (tmp_path / "new" / "page.md").read_text()


def test_a_local_model_is_scored_too_and_ablated(conversations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hef.llm.resolve._MAX_REPLY_TOKENS", 24)  # random weights end no reply by themselves
    local = f"huggingface:{tiny_llm(tmp_path / 'tiny')}"
    done = replies("--data", conversations, "--model", local, "--limit", 2, "--ablate", "--json")
    assert done.exit_code == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [result["variant"] for result in results] == ["hef", "no_causes", "no_emotion", "plain", "human"]
    assert all(result["perplexity"]["value"] > 1000 for result in results[:-1]), "random weights know nothing"
    assert "perplexity" in results[0]["gains"]


def test_a_run_that_is_whole_asks_nothing(conversations: Path, tmp_path: Path, model: Any):
    arguments = ("--data", conversations, "--run", tmp_path / "run", "--json")
    first = json.loads(replies(*arguments).stdout)["results"]
    asked = len(model.prompts)
    assert json.loads(replies(*arguments).stdout)["results"] == first
    assert len(model.prompts) == asked
    done = replies(*arguments, "--persona", "a pirate")
    assert done.exit_code == 1
    assert "another setting (persona" in done.stderr


@pytest.mark.usefixtures("model")
def test_verdicts_on_exported_pairs_are_counted(conversations: Path, tmp_path: Path):
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.json"
    done = replies("--data", conversations, "--export", pairs, "--out", out)
    key = tmp_path / "pairs.key.jsonl"
    seal = hashlib.sha256(key.read_bytes()).hexdigest()
    assert json.loads(out.read_text())["sha256"][key.name] == seal
    assert seal in done.stderr

    rows = [json.loads(line) for line in key.read_text().splitlines()]
    said = tmp_path / "said.jsonl"
    said.write_text("\n".join(json.dumps({"id": row["id"], "better": row["hef"]}) for row in rows) + "\n{}")
    counted = evaluate("verdicts", said, "--key", key, "--json")
    assert counted.exit_code == 0, counted.stderr
    held = json.loads(counted.stdout)
    (result,) = held["results"]
    assert (result["wins"], result["losses"], result["unjudged"], held["broken"]) == (3, 0, 0, 1)
    assert held["sha256"] == {key.name: seal}
    assert "win rate" in evaluate("verdicts", said, "--key", key).stdout


@pytest.mark.parametrize("package", ["sacrebleu.metrics.bleu", "snowballstemmer"])
def test_a_missing_package_is_told_before_any_reply(
    package: str, conversations: Path, model: Any, monkeypatch: pytest.MonkeyPatch
):
    reply_text._stem.cache_clear()
    reply_text._stemmer.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    done = replies("--data", conversations)
    assert done.exit_code == 1
    assert "hef[evaluate]" in done.stderr
    assert model.prompts == []


@pytest.mark.parametrize(("arguments", "said"), [(("replies",), "--data"), (("verdicts", "x.jsonl"), "--key")])
def test_what_is_missing_is_said(arguments: tuple[str, ...], said: str):
    done = evaluate(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
