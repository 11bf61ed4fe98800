"""What a person, a model or a file said is printed, and can neither steer the terminal nor end the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.options import OutputOptions
from hef.cli.output import emit_report, figure_table
from hef.cli.render import json_line, name_markup, printable
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from rich.text import Text
from typer.testing import CliRunner

STEERING = [
    "\x1b[2J",
    "\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "\x9b31m",
    "\u202egnp.exe\u202c",
    "\u2066a\u2069",
    "\r\x08\x7f",
]
MARKUP = ["[/]", "[/bold]", "[link=http://evil.example]x[/link]", "[bold", "\\[/]", "[@click=app.bell]"]


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run `hef chat` with an LLM that always says one thing."""
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)

    def run(reply: str, stdin: str, *options: str, charset: str = "utf-8") -> Any:
        model = GenericFakeChatModel(messages=iter(AIMessage(reply) for _ in range(9)))
        monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)
        arguments = ["chat", "--home", str(tmp_path), "--strategy", "sem_only", *options]
        return CliRunner(charset=charset).invoke(app, arguments, input=stdin)

    return run


def steers(text: str) -> set[str]:
    return {character for character in text if printable(character) != character} - {"\n"}


@pytest.mark.parametrize("evil", STEERING)
def test_a_reply_and_what_was_said_cannot_steer_the_terminal(chat: Callable[..., Any], evil: str) -> None:
    said = f"My dog {evil} died.\n/emotion\n"

    first = chat(f"I {evil} hear you.", said, "--user", evil, "--thread", evil)
    again = chat("Yes.", "", "--user", evil, "--thread", evil)

    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr
    assert "hear you." in first.stdout
    assert "hear you." in again.stdout
    assert steers(first.stdout + again.stdout) == set()


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_a_command_a_name_or_a_reply_is_text(chat: Callable[..., Any], markup: str) -> None:
    done = chat(f"I hear {markup} you.", f"/{markup} x\nMy dog {markup} died.\n", "--user", markup, "--thread", markup)

    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    assert f"There is no command /{markup.split()[0]}." in shown
    assert f"conversation {markup} of {markup}" in shown
    assert f"hear {markup} you." in shown


def test_json_of_a_turn_cannot_steer_the_terminal_and_says_the_same(chat: Callable[..., Any]) -> None:
    done = chat("I \x9b31m hear \u202e you.", "My dog died.\n", "--json")

    assert steers(done.stdout) == set()
    assert json.loads(done.stdout)["reply"] == "I \x9b31m hear \u202e you."


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_is_not_utf_8_is_written_to(chat: Callable[..., Any], charset: str) -> None:
    shown = chat("Ich höre dich – 犬 🐶.", "Mein Hund ist tot.\n/emotion\n", charset=charset)
    (line,) = chat("犬 🐶 é", "My dog died.\n", "--json", "--thread", "json", charset=charset).stdout.splitlines()

    assert shown.exit_code == 0, shown.output
    assert "re dich" in shown.stdout
    assert json.loads(line)["reply"] == "犬 🐶 é"


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    "line", ['{"text": "I am \\ud800 glad."}', '{"id": "\\udfff", "text": "I am glad."}', '{"\\udc00": 1, "text": " "}']
)
def test_half_a_character_in_a_line_is_told_or_passed_through_and_the_rest_is_read(line: str, charset: str) -> None:
    done = CliRunner(charset=charset).invoke(
        app, ["perceive", "-"], input=f'{line}\n"I am glad, caf\\u00e9."\n'.encode()
    )

    first, second = map(json.loads, done.stdout.splitlines())
    assert ("error" in first) == ("glad" not in line or 'text": "I am \\ud800' in line)
    assert {key: first[key] for key in first if key in json.loads(line)} == json.loads(line)
    assert second["text"] == "I am glad, café."
    assert second["emotion"]


def test_bytes_of_an_argument_that_are_not_utf_8_are_read_as_far_as_they_are() -> None:
    done = CliRunner().invoke(app, ["perceive", "My dog died\udcff.", "--json"])

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "My dog died?."


def test_names_that_are_not_utf_8_are_names(chat: Callable[..., Any]) -> None:
    names = ("--user", "ana\udcff", "--thread", "t\udc80")

    first = chat("I hear you.", "My dog died.\n", *names)
    again = chat("Yes.", "", *names)

    assert first.exit_code == 0, first.output
    assert "1 turn so far" in again.stdout
    assert "New conversation" in chat("Yes.", "", "--user", "ana\udcfe", *names[2:]).stdout


def test_an_error_quotes_without_steering() -> None:
    done = CliRunner().invoke(app, ["perceive", "hello", "--sem", "\x1b]52;c;x\x07[/]"])

    assert done.exit_code in (1, 2)
    assert steers(done.stderr) == set()


@pytest.mark.parametrize("markup", MARKUP)
def test_the_name_of_a_measured_model_is_text(markup: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = figure_table(None, ("model", "figure"))
    table.add_row(f"huggingface:{markup}", "1.0")

    emit_report("emotion", None, [], {}, OutputOptions(), [table])

    assert f"huggingface:{markup}" in capsys.readouterr().out


ANY_TEXT = st.text(max_size=40) | st.sampled_from(["\ud800", "\\", "\x9b", "[\\"])
ANY_JSON = st.recursive(
    ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)
)


@given(ANY_TEXT)
def test_any_name_is_printed_as_it_is_within_markup(name: str) -> None:
    assert Text.from_markup(f"of [bold]{name_markup(name)}[/].").plain == f"of {printable(' '.join(name.split()))}."


@given(
    st.recursive(ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_any_json_is_the_same_value_on_one_safe_line(value: Any) -> None:
    line = json_line(value)

    assert json.loads(line) == value
    assert steers(line) == set()
    assert "\n" not in line
