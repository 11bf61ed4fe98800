"""`hef bench serving`: what is run and counted; never how long it took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.bench.serving_fakes import REPLY, InstantChat
from hef.cli.app import app
from langchain_core.messages import AIMessage, HumanMessage
from typer.testing import CliRunner


def bench(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", "serving", *map(str, arguments)])


def test_the_instant_llm_agrees_with_the_first_emotion_asked_about_and_replies_at_once() -> None:
    chat = InstantChat(labels=("sad", "proud", "angry"))
    asked = "<dialogue>\nSpeaker: I am so angry.\n</dialogue>\nMost likely: proud, sad."
    assert chat.invoke(asked).content == "proud"
    assert chat.invoke(
        [HumanMessage(asked), AIMessage("The speaker feels proud."), HumanMessage("Reply.")]
    ).content == (REPLY)
    assert (chat.calls, chat.characters) == (2, 2 * len(asked) + len("The speaker feels proud.") + len("Reply."))


def test_conversations_and_lengths_are_measured_and_drawn(tmp_path: Path) -> None:
    arguments = ["--at-once", "1,3", "--turns", 2, "--lengths", "1,40", "--repeats", 2, "--plots", tmp_path]
    done = bench(*arguments, "--json")

    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    (found,) = held["results"]
    assert (held["task"], found["sem"], found["checkpointer"]) == ("serving", "minilm", "InMemorySaver")
    assert [(figures["conversations"], figures["turns"]) for figures in found["concurrency"]] == [(1, 2), (3, 6)]
    assert [(one["turn"], one["repeats"], one["calls"]) for one in found["lengths"]] == [(1, 2, 2), (40, 2, 2)]
    short, long = found["lengths"]
    assert (short["read_kb"], long["read_kb"] > 0) == (0, True)
    assert long["prompt_characters"] > short["prompt_characters"]
    assert (tmp_path / "serve.png").read_bytes().startswith(b"\x89PNG")


def test_a_turn_reads_and_writes_the_same_once_its_thread_is_full() -> None:
    held = {}
    for keep in ((), ("--keep", 20)):
        done = bench("--at-once", 1, "--turns", 1, "--lengths", "40,120", "--repeats", 1, *keep, "--json")
        assert done.exit_code == 0, done.stderr
        held[bool(keep)] = json.loads(done.stdout)["results"][0]["lengths"]
    for name in ("written_kb", "read_kb"):
        early, late = (one[name] for one in held[True])
        assert late == pytest.approx(early, rel=0.1)
        early, late = (one[name] for one in held[False])
        assert late > 1.5 * early
    assert held[False][0]["calls"] == held[True][1]["calls"] == 2


@pytest.mark.parametrize("option", ["--at-once", "--lengths"])
@pytest.mark.parametrize("given", ["0", "1,many", ""])
def test_numbers_that_are_none_are_refused(option: str, given: str) -> None:
    done = bench(option, given)
    assert done.exit_code == 2
    assert option in done.stderr
