"""`hef bench turn`: what is counted of a turn; never how long it took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.bench.synthetic_dialogues import distinct_contexts
from hef.bench.turn_speed import measure_turns
from hef.cli.app import app
from hef.sem import shipped_sem
from tiny_llm import tiny_llm
from typer.testing import CliRunner


def test_no_dialogue_begins_another():
    said = [tuple(turn.text for turn in dialogue) for dialogue in distinct_contexts(60)]
    assert [len(texts) for texts in said[:4]] == [1, 3, 5, 1]
    assert len({texts[0] for texts in said}) == 60


def test_a_local_model_is_held_to_a_length_and_its_prompt_tokens_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "110")
    local = f"huggingface:{tiny_llm(tmp_path)}"
    arguments = ["bench", "turn", "--model", local, "--repeats", "1", "--tokens", "5", "--threads", "1"]
    out = tmp_path / "out.json"
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    assert "times a plain reply" in done.stdout
    held = json.loads(out.read_text())
    (result,) = held["results"]
    assert (held["task"], result["turns"], result["tokens"], result["exact_length"]) == ("turn", 3, 5, True)
    plain, hef, fresh = (result["variants"][name] for name in ("plain", "hef", "hef_fresh"))
    assert plain["completion_tokens"] == hef["completion_tokens"] == fresh["completion_tokens"] == 5
    assert plain["calls"] == 1
    assert hef["calls"] >= 2
    assert hef["prompt_tokens"] > plain["prompt_tokens"]
    assert hef["prefilled_tokens"] < fresh["prefilled_tokens"] == fresh["prompt_tokens"]
    assert all(way["first_token"] <= way["seconds"] for way in result["variants"].values())
    assert set(result["by_length"]) == {"1", "3", "5"}
    assert {"sem_emotion", "coarse_emotion", "draft_response"} <= set(result["nodes"])


def test_calls_of_any_chat_model_are_counted_and_unequal_lengths_owned_up_to(scripted: Any):
    model = scripted("sad")
    found = measure_turns(model, shipped_sem(), repeats=1)
    asked = len(model.prompts)
    assert set(found.variants) == {"plain", "hef"}
    assert found.variants["plain"].calls == 1
    assert found.variants["hef"].calls >= 2
    assert 3 * (found.variants["hef"].calls + 1) <= asked
    assert found.variants["hef"].prompt_tokens is None
    assert not found.exact_length
