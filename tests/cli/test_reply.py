"""`hef reply`: one turn, shown or as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hef.cli.app import app
from hef.cli.chat.display import WrappedWriter
from hef.cli.render import bar, highlighted, print_empathy
from hef.contract import Cause, Empathy, Turn
from hef.ui.turn_words import llm_opinion
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner


def scripted(*replies: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(AIMessage(reply) for reply in replies))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """Let a scripted LLM stand for the embedded one, whose replies take seconds."""
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: scripted("none", "I am so sorry, truly.", "none"))
    monkeypatch.setattr("hef.cli.chat.reply_command.preload_llm", lambda model: None)


def reply(*arguments: str):
    return CliRunner().invoke(app, ["reply", *arguments])


def test_the_embedded_model_replies_as_json():
    done = reply("My dog died last night.", "--json", "--strategy", "two_stage")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("\n") == 1
    held = json.loads(done.stdout)
    assert set(held) == {"empathy", "reply"}
    assert held["reply"].strip()
    empathy = Empathy.model_validate(held["empathy"])
    assert empathy.degraded is None
    assert empathy.emotion in empathy.distribution
    assert sum(empathy.distribution.values()) == pytest.approx(1)
    assert {cause.text for cause in empathy.causes} & {"dog", "died"}


@pytest.mark.usefixtures("quick")
def test_a_reply_shows_emotion_opinion_causes_and_the_reply():
    done = reply("My dog died last night.", "--strategy", "sem_only")
    assert done.exit_code == 0, done.stderr
    for word in ("emotion", "%", "judged", "SEM alone", "*dog*", "reply"):
        assert word in done.stdout
    assert done.stdout.index("*dog*") < done.stdout.index("  reply")


@pytest.mark.usefixtures("quick")
def test_only_a_named_user_is_remembered(tmp_path: Path):
    assert reply("I got the job!", "--home", str(tmp_path), "--strategy", "sem_only").exit_code == 0
    assert not list(tmp_path.iterdir())
    for options in (["--user", "ana"], ["--user", "ana", "--no-memory"]):
        done = reply("I got the job!", "--home", str(tmp_path), "--strategy", "sem_only", "--json", *options)
        assert done.exit_code == 0, done.stderr
    assert (tmp_path / "memory").is_dir()


@pytest.mark.usefixtures("quick")
def test_what_a_user_said_before_is_recalled(tmp_path: Path):
    settings = ("--home", str(tmp_path), "--strategy", "sem_only", "--json", "--user", "ana")
    assert json.loads(reply("My dog Rex died last night.", *settings).stdout)["empathy"]["memories"] == []
    assert len(json.loads(reply("I miss Rex so much.", *settings).stdout)["empathy"]["memories"]) == 1


@pytest.mark.usefixtures("quick")
def test_a_memory_that_cannot_be_opened_is_said_after_the_reply(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = reply("I got the job!", "--home", str(tmp_path / "file" / "home"), "--strategy", "sem_only", "--user", "ana")
    assert done.exit_code == 0, done.stderr
    assert "left out" in done.stdout.split("  reply")[1]
    assert "could not be searched" in done.stdout


def test_a_persona_that_is_too_long_is_refused_with_a_sentence():
    result = CliRunner().invoke(app, ["reply", "My dog died.", "--no-memory", "--persona", "x" * 20_001])

    assert result.exit_code == 1
    assert "persona has 20001 characters: string should have at most 20000 characters; shorten it" in " ".join(
        result.stderr.split()
    )


def test_an_unknown_model_is_wrong_usage():
    done = reply("hello", "--model", "huggingface:/no/such/folder")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "names no model" in done.stderr


def empathy(**values) -> Empathy:
    given = {
        "emotion": "sad",
        "distribution": {"sad": 0.7, "angry": 0.3},
        "sem": "small",
        "model": "big",
        "hypothesis": "sad",
    }
    return Empathy(**{**given, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "the LLM agrees"),
        ({"requeries": 1}, "the LLM agrees after 1 re-query"),
        ({"hypothesis": "angry"}, "leans to angry"),
        ({"agreed": False, "requeries": 2, "hypothesis": "proud"}, "thinks of proud after 2 re-queries"),
        ({"hypothesis": None, "model": None}, "decided by the SEM alone"),
        ({"sem": None}, "decided by the LLM alone"),
    ],
)
def test_the_opinion_of_the_llm_is_told(values: dict, said: str):
    assert said in llm_opinion(empathy(**values))


def test_a_degraded_turn_says_so():
    console = Console(file=io.StringIO(), width=80)
    print_empathy(console, empathy(degraded="no cause words: broken"), [Turn("speaker", "hi")])
    assert "no cause words: broken" in console.file.getvalue()


def test_a_bar_grows_with_its_share():
    lengths = [len(bar(share / 100)) for share in range(101)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == 28
    assert lengths[0] == 1


def test_cause_words_of_several_turns_are_highlighted():
    dialogue = [Turn("speaker", "My dog died."), Turn("listener", "Oh."), Turn("speaker", "I miss him.")]
    causes = [
        Cause(text="miss", turn=2, start=2, end=6, weight=0.5),
        Cause(text="dog", turn=0, start=3, end=6, weight=0.3),
        Cause(text="died", turn=0, start=7, end=11, weight=0.2),
    ]
    assert highlighted(dialogue, causes, marks=True).plain == "My *dog* *died*.\nI *miss* him."
    assert highlighted(dialogue, causes, marks=False).plain == "My dog died.\nI miss him."


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_flow_wraps_between_words_whatever_the_tokens(size: int):
    text = "I am so sorry to hear that.\n\nYou must miss him very much, and that is only natural."
    console = Console(file=io.StringIO(), width=30)
    flow = WrappedWriter(console, indent=4)
    for start in range(0, len(text), size):
        flow.write(text[start : start + size])
    flow.close()
    lines = console.file.getvalue().splitlines()
    assert max(len(line) for line in lines[1:]) <= 30
    assert len(lines[0]) <= 26
    assert all(line == line.rstrip() and line.startswith("    ") for line in lines[1:] if line)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert lines.count("") == 1


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_flow_wraps_chinese_between_characters_and_keeps_punctuation_with_them(size: int) -> None:
    text = "在做任何事之前，请先和一个人说说话：\n- 全国统一心理援助热线：12356（每天至少18小时）\n“请来陪我。”"
    console = Console(file=io.StringIO(), width=30)
    flow = WrappedWriter(console, indent=4)
    for start in range(0, len(text), size):
        flow.write(text[start : start + size])
    flow.close()
    lines = console.file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= 30
    assert not [line for line in lines if line.strip()[0] in "，。：）”"]
    assert "    - 全国统一" in [line[:10] for line in lines]
    assert "".join(line.strip() for line in lines) == text.replace("\n", "")
