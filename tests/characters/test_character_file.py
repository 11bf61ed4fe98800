"""Characters that a host writes: their file, the folder, what of them reaches a run, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hef.characters import (
    Character,
    available_characters,
    example_characters,
    find_character,
    load_characters,
    read_characters,
)
from hef.contract import HefContext, SetupError
from hypothesis import given
from hypothesis import strategies as st

MIA = """
name = "Mia"
persona = "You are Mia, a nurse who knows {{user}}."
greeting = "Hi {{USER}}! {{char}} is {{user}}'s friend."
other_greetings = ["Welcome back."]
language = "Norwegian"
model = "openai:some-model"
sem = "lexicon"
examples = [{ user = "I failed.", reply = "That hurts." }, { user = "I won!", reply = "You did." }]

[model_settings]
temperature = 0.3
"""


def written(folder: Path, text: str | bytes, name: str = "mia.toml") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_file_is_a_character(tmp_path: Path) -> None:
    file = written(tmp_path, MIA)
    (mia,) = load_characters(tmp_path).values()
    assert mia == Character(
        id="mia",
        name="Mia",
        persona="You are Mia, a nurse who knows the person.",
        greeting="Hi! Mia is your friend.",
        other_greetings=("Welcome back.",),
        examples=("User: I failed.\nMia: That hurts.", "User: I won!\nMia: You did."),
        language="Norwegian",
        model="openai:some-model",
        model_settings={"temperature": 0.3},
        sem="lexicon",
        source=str(file),
    )


def test_a_run_with_a_character_has_its_settings_and_else_those_that_it_had(tmp_path: Path) -> None:
    written(tmp_path, MIA)
    mia = find_character("mia", tmp_path)
    base = HefContext(user_id="ana", region="NO", persona="a friend", model_settings={"max_tokens": 50, "top_p": 0.5})
    context = mia.context(base)
    assert (context.user_id, context.region, context.character) == ("ana", "NO", "mia")
    assert (context.language, context.model) == ("Norwegian", "openai:some-model")
    assert context.model_settings == {"max_tokens": 50, "top_p": 0.5, "temperature": 0.3}
    assert context.persona == (
        "You are Mia, a nurse who knows the person.\n\nThis is how you talk:\n"
        "<example>\nUser: I failed.\nMia: That hurts.\n</example>\n"
        "<example>\nUser: I won!\nMia: You did.\n</example>\n"
        "These examples were never said and are no part of the conversation."
    )
    assert base.persona == "a friend"


def test_what_a_character_leaves_open_stays_as_it_is() -> None:
    plain = Character(id="mia", name="Mia", persona="kind")
    base = HefContext(language="de", model="embedded")
    assert (plain.context(base).language, plain.context(base).model) == ("de", "embedded")
    # Who the person is may come from elsewhere where the settings do not say it, so that must stay unsaid.
    assert "user_id" not in plain.context().model_fields_set
    assert "user_id" in plain.context(HefContext(user_id=None)).model_fields_set


def test_a_character_that_shares_the_persons_memory_has_none_of_its_own() -> None:
    shared = Character(id="mia", name="Mia", persona="kind", shared_memory=True)
    assert shared.context(HefContext(character="other")).character is None


@pytest.mark.parametrize(
    ("persona", "told"),
    [
        ("You are Mia, a nurse.", "You are Mia, a nurse."),
        ("Mia, a nurse", "Mia, a nurse"),
        ("a nurse", "You are Mia.\n\nYou are a nurse"),
        ("You are a nurse.", "You are Mia.\n\nYou are a nurse."),
        ("Always answer in one line.", "You are Mia.\n\nAlways answer in one line."),
        ("你是一位护士。", "You are Mia.\n\n你是一位护士。"),
    ],
)
def test_the_llm_is_told_the_name(persona: str, told: str) -> None:
    assert Character(id="mia", name="Mia", persona=persona).instructions == told


@pytest.mark.parametrize("name", ["mia", "MIA", "Mia ", "Mia Berg", "mia berg"])
def test_a_character_is_found_by_id_or_name(name: str, tmp_path: Path) -> None:
    written(tmp_path, MIA.replace('"Mia"', '"Mia Berg"'))
    assert find_character(name, tmp_path).id == "mia"


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    written(tmp_path, MIA)
    with pytest.raises(SetupError) as refused:
        find_character("mja", tmp_path)
    assert str(refused.value) == (
        f"there is no character 'mja' (did you mean 'mia'?); there are june, mia, xiaolin; "
        f"write {tmp_path / 'NAME.toml'} for another"
    )
    with pytest.raises(SetupError, match=r"there is no character 'Bob'; there are june, xiaolin$"):
        find_character("Bob")


def test_a_folder_that_is_missing_has_no_characters(tmp_path: Path) -> None:
    assert load_characters(tmp_path / "none") == {}
    assert set(available_characters(tmp_path / "none")) == {"june", "xiaolin"}


def test_a_file_of_the_folder_replaces_an_example(tmp_path: Path) -> None:
    written(tmp_path, MIA, "june.toml")
    assert available_characters(tmp_path)["june"].name == "Mia"
    assert find_character("june", tmp_path).name == "Mia"


def test_other_files_are_ignored_and_the_file_of_hef_stands_before_a_card(tmp_path: Path) -> None:
    for name in (".hidden.toml", "readme.md", "notes.txt"):
        written(tmp_path, "nothing", name)
    written(tmp_path, '{"name": "Card", "description": "a card"}', "mia.json")
    assert find_character("mia", tmp_path).name == "Card"
    written(tmp_path, MIA, "mia.toml")
    assert {id: one.name for id, one in load_characters(tmp_path).items()} == {"mia": "Mia"}


REFUSED = {
    'name = "Mia"': "persona is missing or blank; give a text",
    'persona = "kind"': "name is missing or blank; give a text",
    'name = "Mia"\npersona = "  "': "persona is missing or blank; give a text",
    'name = "Mia"\npersona = "x"\ngreting = "Hi"': "there is no field 'greting' (did you mean 'greeting'?)",
    'name = 3\npersona = "x"': "name is 3; give a text",
    'name = "Mia"\npersona = ["x"]': "persona is ['x']; give a text",
    'name = "Mia"\npersona = "x"\nexamples = "Hi"': "examples is 'Hi'; give a list such as",
    'name = "Mia"\npersona = "x"\nexamples = [{user = "Hi"}]': "an example is {'user': 'Hi'}; give a list such as",
    'name = "Mia"\npersona = "x"\nshared_memory = "yes"': "shared_memory is 'yes'; give true or false",
    'name = "Mia"\npersona = "x"\nother_greetings = "Hi"': "other_greetings is 'Hi'; give a list of texts",
    'name = "Mia"\npersona = "x"\nmodel_settings = 3': "model_settings is a int",
    'name = "Mia"\npersona = "x"\nlanguage = "<b>"': "language is '<b>'",
    'name = "Mia"\npersona = "x"\n[model_settings]\ntemperature = 9': "temperature is 9; give a number from 0 to 2",
    'name = "Mia': "it is not TOML: ",
    'name = "Mia"\npersona = "' + "x" * 20_001 + '"': "persona has 20001 characters",
    "a = " + "[" * 5000: "it is not TOML",
    "x" * 1_000_001: "it is larger than 1,000,000 bytes; shorten it",
    b"name = '\xff'": "it is not UTF-8 text; save it as UTF-8",
    'name = "' + "M" * 101 + '"\npersona = "x"': "name has 101 characters",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[str(number) for number in range(len(REFUSED))])
def test_a_file_that_is_no_character_says_what_was_expected(text: str | bytes, reason: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SetupError) as refused:
        find_character("mia", tmp_path)
    assert str(refused.value).startswith(f"{file}: ")
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 500 + len(str(file))
    with pytest.raises(SetupError):
        load_characters(tmp_path)
    characters, faults = read_characters(tmp_path)
    assert (characters, list(faults)) == ({}, [str(file)])


def test_persona_and_examples_that_are_too_long_together_are_refused(tmp_path: Path) -> None:
    examples = ", ".join(['{ user = "a", reply = "' + "b" * 900 + '" }'] * 20)
    written(tmp_path, f'name = "Mia"\npersona = "{"x" * 5000}"\nexamples = [{examples}]')
    with pytest.raises(SetupError, match=r"23,\d\d\d characters of persona and examples together; give at most 20,000"):
        load_characters(tmp_path)


def test_a_long_persona_works(tmp_path: Path) -> None:
    written(tmp_path, f'name = "Mia"\npersona = "You are Mia, {"kind and " * 2000}calm."')
    assert len(find_character("mia", tmp_path).context().persona) > 18_000


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SetupError, match="cannot be read: Permission denied; give another by HEF_CHARACTERS"):
        load_characters(tmp_path)


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "mia.toml").symlink_to(tmp_path / "gone")
    assert stat.S_ISLNK((tmp_path / "mia.toml").lstat().st_mode)
    with pytest.raises(SetupError, match=r"mia\.toml: it cannot be read: No such file"):
        load_characters(tmp_path)


@given(st.text(max_size=200))
def test_no_file_name_and_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(SetupError):
        find_character(f"no such {text}")


def test_the_examples_are_honest_and_warm_in_two_languages() -> None:
    examples = example_characters()
    assert {one.language for one in examples.values()} == {"en", "zh"}
    for one in examples.values():
        assert one.greeting
        assert len(one.examples) == 3
        assert one.left_out == ()
        assert one.context().character == one.id
    assert "software" in examples["june"].persona
    assert "程序" in examples["xiaolin"].persona
