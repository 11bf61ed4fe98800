"""`hef chat`: a conversation that is kept."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hef.cli.app import app
from hef.contract import ModelError, Reading
from hef.nodes.deciding.decision import Decision
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from terminal import Terminal
from typer.testing import CliRunner


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., object]:
    """Run `hef chat` with a scripted LLM; each run begins its script anew."""

    def scripted(spec: object) -> GenericFakeChatModel:
        return GenericFakeChatModel(messages=iter(AIMessage(f"Reply number {number}.") for number in range(1, 99)))

    monkeypatch.setattr("hef.graph.parts.resolve_model", scripted)
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")

    def run(stdin: str, *options: str):
        return CliRunner().invoke(
            app, ["chat", "--home", str(tmp_path), "--strategy", "sem_only", *options], input=stdin
        )

    return run


def test_each_line_is_a_turn_and_blank_lines_are_none(chat):
    done = chat("I lost my job.\n\n   \nI feel useless.\n", "--json")
    assert done.exit_code == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert [turn["reply"] for turn in turns] == ["Reply number 1.", "Reply number 2."]
    assert all(turn["empathy"]["emotion"] for turn in turns)


def test_the_emotion_of_the_turn_before_is_not_shown_for_a_message_that_was_not_read(chat, monkeypatch):
    def decide(readings: list[Reading], *parts: object) -> Decision:
        if next(turns) == 2:
            raise ModelError("no decision")
        return Decision("sad", readings[0].distribution)

    turns = iter(range(1, 99))
    monkeypatch.setattr("hef.nodes.fine_emotion.decide", decide)

    shown = chat("My dog died.\nI won!\n/emotion\nI miss him.\n/emotion\n").stdout

    assert shown.count("The last message has not been read") == 1
    assert shown.count("judged") == 1


def test_a_conversation_goes_on_after_a_restart(chat):
    assert "New conversation" in chat("I lost my job.\n", "--user", "ana").stdout
    shown = chat("", "--user", "ana").stdout
    assert "Resumed conversation" in shown
    assert "1 turn so far" in shown
    assert "I lost my job." in shown
    assert "Reply number 1." in shown


def test_what_was_said_before_counts_after_a_restart(chat):
    chat("My grandmother died and I cry every day.\n", "--json")
    (again,) = (json.loads(line) for line in chat("It is what it is.\n", "--json").stdout.splitlines())
    (alone,) = (
        json.loads(line) for line in chat("It is what it is.\n", "--json", "--thread", "new").stdout.splitlines()
    )
    assert again["empathy"]["distribution"]["sad"] > alone["empathy"]["distribution"]["sad"]


def test_conversations_of_users_and_threads_are_apart(chat):
    chat("I lost my job.\n", "--user", "ana")
    assert "New conversation" in chat("", "--user", "bo").stdout
    assert "New conversation" in chat("", "--user", "ana", "--thread", "other").stdout


def test_slash_commands_are_not_said_to_the_model(chat):
    shown = chat("/emotion\nMy dog died.\n/emotion\n/wat\n/help\n/quit\nnever said\n").stdout
    assert "There is no message yet" in shown
    assert "judged" in shown
    assert "There is no command /wat. /help lists them." in shown
    assert "Reply number 1." in shown
    assert "Reply number 2." not in shown


def test_the_emotion_is_asked_about_and_the_next_line_answers_also_after_a_restart(chat, monkeypatch, tmp_path: Path):
    def disagreeing(spec: object) -> GenericFakeChatModel:
        answers = ["none, proud", "none, proud", "I hear you.", "sad", "I see."]
        return GenericFakeChatModel(messages=iter(map(AIMessage, answers)))

    monkeypatch.setattr("hef.graph.parts.resolve_model", disagreeing)
    options = ("--confirm", "--strategy", "two_stage", "--user", "ana")
    told = chat("My dog died.\nzebra\n", *options).stdout
    assert told.count("yes, no, or the emotion that it is") == 2
    assert "zebra" in told
    assert "I hear you." not in told

    again = chat("Heartbroken\n", *options).stdout
    assert "yes, no, or the emotion that it is" in again
    assert "devastated" in again
    assert chat("", "--user", "ana").stdout.count("My dog died.") == 1
    rows = CliRunner().invoke(app, ["train", "feedback", "--user", "ana", "--home", str(tmp_path)]).stdout
    assert [json.loads(row)["emotion"] for row in rows.splitlines()] == ["devastated"]


def test_danger_is_answered_whatever_was_asked(chat, monkeypatch):
    def disagreeing(spec: object) -> GenericFakeChatModel:
        return GenericFakeChatModel(messages=iter(map(AIMessage, ["none, proud", "none, proud", "I hear you."])))

    monkeypatch.setattr("hef.graph.parts.resolve_model", disagreeing)
    told = "My dog died.\nI want to kill myself tonight.\n"
    done = chat(told, "--confirm", "--strategy", "two_stage", "--user", "ana", "--json").stdout
    question, answer = map(json.loads, done.splitlines())
    assert "action_requests" in question
    assert answer["empathy"]["safety"]["level"] == "danger"


def test_yes_and_no_answer_the_question(chat, monkeypatch):
    def disagreeing(spec: object) -> GenericFakeChatModel:
        answers = ["none, proud", "I hear you.", "none, proud", "I see."]
        return GenericFakeChatModel(messages=iter(map(AIMessage, answers)))

    monkeypatch.setattr("hef.graph.parts.resolve_model", disagreeing)
    told = "My dog died.\nYes\nI cannot sleep.\nno\n"
    done = chat(told, "--confirm", "--strategy", "two_stage", "--max-requeries", "0", "--json").stdout
    first, yes, second, no = map(json.loads, done.splitlines())
    assert yes["empathy"]["emotion"] == first["action_requests"][0]["args"]["emotion"]
    assert yes["empathy"]["confirmed"]
    assert no["empathy"]["emotion"] != second["action_requests"][0]["args"]["emotion"]
    assert not no["empathy"]["confirmed"]


@pytest.mark.parametrize("option", ["--no-memory", "--private"])
def test_a_private_conversation_writes_nothing_to_the_disk(chat, option: str, tmp_path: Path):
    told = chat("My dog died.\nI miss him.\n/emotion\n", option, "--json").stdout
    assert [json.loads(line)["reply"] for line in told.splitlines()] == ["Reply number 1.", "Reply number 2."]
    assert list(tmp_path.iterdir()) == []
    assert "New conversation" in chat("", option).stdout
    assert list(tmp_path.iterdir()) == []


def test_a_private_conversation_neither_reads_nor_continues_the_kept_one(chat):
    chat("My dog died.\n")
    assert "New conversation" in chat("I passed.\n", "--private").stdout
    assert "1 turn so far" in chat("").stdout


def test_a_failed_turn_is_told_and_the_next_one_answered(chat, monkeypatch: pytest.MonkeyPatch):
    from hef.cli.chat import session
    from hef.contract import ModelError

    stream_turn, calls = session.stream_turn, []

    def once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise ModelError("the model is away")
        return stream_turn(*arguments)

    monkeypatch.setattr(session, "stream_turn", once)
    done = chat("hello\nhello again\n", "--json")
    assert done.exit_code == 1
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == {"error": "the model is away"}
    assert second["reply"]


SLOW = """
import asyncio, sys
import hef.graph.parts, hef.cli.chat.chat_command
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from hef.cli import main

class Endless(GenericFakeChatModel):
    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for word in ("I ", "hear ", "you ", "and "):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        await asyncio.Event().wait()

hef.graph.parts.resolve_model = lambda spec: Endless(messages=iter([AIMessage("x")]))
hef.cli.chat.chat_command.preload_llm = lambda model: None
sys.argv = ["hef", "chat", "--home", sys.argv[1], "--strategy", "sem_only"]
main()
"""


def test_ctrl_c_stops_the_reply_keeps_the_conversation_and_twice_leaves(tmp_path: Path):
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW), encoding="utf-8")
    terminal = Terminal(sys.executable, str(script), str(tmp_path))
    terminal.wait_for("you  ")
    terminal.type("I lost my job.\n")
    terminal.wait_for("hear you")
    terminal.interrupt()
    terminal.wait_for("stopped")
    terminal.wait_for("you  ")
    terminal.type("/emotion\n")
    terminal.wait_for("judged")
    terminal.wait_for("you  ")
    terminal.type("\x03")
    terminal.wait_for("Ctrl-C again")
    terminal.wait_for("you  ")
    terminal.type("\x03")
    assert terminal.process.wait(30) == 0

    again = Terminal(sys.executable, str(script), str(tmp_path))
    again.wait_for("1 turn so far. It ended:")
    again.wait_for("I lost my job.")
    again.wait_for("I hear you and …")
    again.wait_for("you  ")
    again.type("\x04")
    assert again.process.wait(30) == 0
