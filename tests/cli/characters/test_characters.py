"""Characters on the command line: listed, talked with, and what each of them remembers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hef.cli.app import app
from scripted_chat import ScriptedChat
from typer.testing import CliRunner

MIA = """
name = "Mia"
persona = "a nurse from Bergen who loves boats"
greeting = "Hello {{user}}, Mia here."
language = "en"
model_settings = { temperature = 0.3 }
examples = [{ user = "I failed.", reply = "That hurts." }]
"""


@pytest.fixture
def llm() -> ScriptedChat:
    return ScriptedChat(script=["I hear you."])


@pytest.fixture
def hef(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, llm: ScriptedChat) -> Callable[..., Result]:
    """Run a command of `hef` with a scripted LLM, in a home folder with the character Mia."""
    models: list[Any] = []

    def resolve(spec: object) -> ScriptedChat:
        models.append(spec)
        return llm

    monkeypatch.setattr("hef.graph.parts.resolve_model", resolve)
    for name in ("HEF_USER", "HEF_MODEL", "HEF_CHARACTERS", "HEF_CHROMA_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    for command in ("chat_command", "reply_command"):
        monkeypatch.setattr(f"hef.cli.chat.{command}.preload_llm", models.append)
    (tmp_path / "characters").mkdir()
    (tmp_path / "characters" / "mia.toml").write_text(MIA, encoding="utf-8")

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, [*arguments], input=stdin)

    run.models = models  # type: ignore[attr-defined]
    return run


def talk(hef: Callable[..., Result], *lines: str, **options: str) -> Result:
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    done = hef("chat", "--strategy", "sem_only", "--user", "ana", *flags, stdin="".join(f"{line}\n" for line in lines))
    assert done.exit_code == 0, done.stderr
    return done


def remembered(hef: Callable[..., Result], *options: str) -> list[str]:
    done = hef("memory", "list", "--user", "ana", "--json", *options)
    assert done.exit_code == 0, done.stderr
    return [line["turn"]["text"] for line in json.loads(done.stdout)]


def test_characters_are_listed_with_the_folder_where_one_writes_them(
    hef: Callable[..., Result], tmp_path: Path
) -> None:
    done = hef("characters", "--json")
    listed = {one["id"]: (one["name"], one["language"]) for one in json.loads(done.stdout)}
    assert listed == {"mia": ("Mia", "en"), "june": ("June", "en"), "xiaolin": ("小林", "zh")}
    shown = hef("characters").stdout
    assert str(tmp_path / "characters") in "".join(shown.split("\n"))
    assert "an example" in shown


def test_a_file_that_is_no_character_is_named_and_the_others_are_listed(
    hef: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "characters" / "bad.toml").write_text('name = "Bad"\npersonna = "x"\n', encoding="utf-8")
    done = hef("characters", "--json")
    assert done.exit_code == 0
    assert done.stderr.startswith("left out: ")
    assert "bad.toml: there is no field 'personna' (did you mean 'persona'?)" in done.stderr
    assert "mia" in {one["id"] for one in json.loads(done.stdout)}
    talked = talk(hef, "/character", "My dog died.", character="mia")
    assert "bad.toml: there is no field" in talked.stderr
    shown = talked.stdout
    assert "xiaolin" in shown
    assert "there is no field 'personna'" in " ".join(shown.split())
    named = hef("chat", "--character", "bad")
    assert (named.exit_code, "there is no field 'personna'" in named.stderr) == (2, True)


def test_where_no_file_is_a_character_the_exit_code_says_so(hef: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "characters" / "mia.toml").write_text("name = ", encoding="utf-8")
    done = hef("characters", "--json")
    assert done.exit_code == 1
    assert "mia.toml" in done.stderr
    assert {one["id"] for one in json.loads(done.stdout)} == {"june", "xiaolin"}


def test_another_folder_of_characters(hef: Callable[..., Result], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HEF_CHARACTERS", str(tmp_path / "none"))
    assert "mia" not in hef("characters", "--json").stdout
    done = hef("chat", "--character", "mia")
    assert done.exit_code == 2
    assert "there is no character 'mia'; there are june, xiaolin; write" in done.stderr


def test_a_new_conversation_begins_with_the_greeting_which_nobody_remembers(
    hef: Callable[..., Result], llm: ScriptedChat
) -> None:
    shown = talk(hef, "My dog died.", "He was twelve.", character="Mia", thread="home").stdout
    assert shown.count("Hello, Mia here.") == 1
    system, *said = llm.prompts[-1]
    assert [message.type for message in said] == ["ai", "human", "ai", "human"]
    assert said[0].text == "Hello, Mia here."
    assert system.text.startswith(
        "You are Mia.\n\nYou are a nurse from Bergen who loves boats\n\nThis is how you talk:"
    )
    assert "<example>\nUser: I failed.\nMia: That hurts.\n</example>" in system.text
    assert remembered(hef) == ["He was twelve.", "My dog died."]
    again = talk(hef, character="mia", thread="home").stdout
    assert "Resumed conversation mia/home" in again
    assert "2 turns so far" in again
    assert "Hello you" not in again


def test_a_character_that_greets_nobody_has_said_nothing_after_a_restart(hef: Callable[..., Result]) -> None:
    talk(hef, character="mia")
    assert "New conversation" in talk(hef, character="mia").stdout


def test_each_character_has_conversations_and_memories_of_its_own(
    hef: Callable[..., Result], llm: ScriptedChat
) -> None:
    talk(hef, "My dog Bello died.")
    talk(hef, "My dog Rex barks.", character="mia", thread="home")
    talk(hef, "My dog Lumi sleeps.", character="june")
    talk(hef, "I keep thinking of my dog.", character="mia", thread="next")
    prompt = "\n".join(message.text for message in llm.prompts[-1])
    assert "Rex" in prompt
    assert "Bello" not in prompt
    assert "Lumi" not in prompt
    assert len(remembered(hef)) == 4
    assert remembered(hef, "--character", "mia", "--thread", "home") == ["My dog Rex barks."]
    assert remembered(hef, "--character", "june") == ["My dog Lumi sleeps."]
    assert remembered(hef, "--character", "") == ["My dog Bello died."]
    assert "mia/home" in hef("memory", "list", "--user", "ana").stdout
    points = json.loads(hef("memory", "timeline", "--user", "ana", "--json").stdout)["points"]
    assert {point["character"] for point in points} <= {"", "mia", "june"}
    assert len({point["character"] for point in points}) > 1


def test_a_character_that_shares_the_persons_memory(hef: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "characters" / "mia.toml").write_text(f"shared_memory = true\n{MIA}", encoding="utf-8")
    talk(hef, "My dog Rex barks.", character="mia", thread="home")
    assert remembered(hef, "--character", "") == ["My dog Rex barks."]


def test_a_character_is_forgotten_with_its_conversations(hef: Callable[..., Result]) -> None:
    talk(hef, "My dog Bello died.")
    talk(hef, "My dog Rex barks.", character="mia", thread="home")
    done = hef("memory", "forget", "--user", "ana", "--character", "mia", "--yes", "--json")
    assert json.loads(done.stdout) == {
        **{"user": "ana", "turns": 1, "conversations": 1, "shortened": 0, "repeated": [], "left": []}
    }
    assert remembered(hef) == ["My dog Bello died."]
    assert "New conversation" in talk(hef, character="mia").stdout
    assert "Resumed conversation" in talk(hef).stdout


def test_forgetting_a_person_forgets_what_they_said_to_characters(hef: Callable[..., Result]) -> None:
    talk(hef, "My dog Rex barks.", character="mia", thread="home")
    assert json.loads(hef("memory", "forget", "--user", "ana", "--yes", "--json").stdout)["turns"] == 1
    assert remembered(hef) == []


def test_a_single_turn_taken_out_leaves_no_conversation_of_a_greeting_alone(hef: Callable[..., Result]) -> None:
    talk(hef, "My dog Rex barks.", character="mia", thread="home")
    (id,) = (line["id"] for line in json.loads(hef("memory", "list", "--user", "ana", "--json").stdout))
    done = json.loads(hef("memory", "forget", "--user", "ana", "--id", id[:8], "--yes", "--json").stdout)
    assert (done["conversations"], done["shortened"]) == (1, 0)


@pytest.mark.parametrize(("flags", "model"), [((), "openai:small"), (("--model", "openai:large"), "openai:large")])
def test_a_characters_llm_comes_after_the_flag_and_before_the_environment(
    hef: Any, tmp_path: Path, monkeypatch: Any, flags: tuple[str, ...], model: str
) -> None:
    (tmp_path / "characters" / "mia.toml").write_text(f'model = "openai:small"\n{MIA}', encoding="utf-8")
    monkeypatch.setenv("HEF_MODEL", "openai:other")
    done = hef("reply", "My dog died.", "--character", "mia", "--strategy", "sem_only", "--json", *flags)
    assert json.loads(done.stdout)["reply"].strip() == "I hear you.", done.stderr
    assert set(hef.models) == {model}


def test_a_persona_on_the_command_line_stands_before_the_characters(hef: Callable[..., Result], llm: Any) -> None:
    hef("reply", "My dog died.", "--character", "mia", "--strategy", "sem_only", "--persona", "Bob, a sailor")
    assert llm.prompts[-1][0].text.startswith("You are Bob, a sailor.")


def test_what_of_a_card_is_not_used_is_said(hef: Callable[..., Result], tmp_path: Path) -> None:
    card = {"data": {"name": "Haru", "description": "kind", "character_book": {"entries": [{"content": "x"}]}}}
    (tmp_path / "characters" / "haru.json").write_text(json.dumps(card), encoding="utf-8")
    assert "Of haru is not used: its lorebook of 1 entry." in hef("characters").stdout
    shown = " ".join(talk(hef, character="haru").stdout.split())
    assert "Not used of the character: its lorebook of 1 entry." in shown
