"""Character cards in JSON and in pictures: what becomes of their fields, and what hostile files get."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hef.characters import Character, load_characters, read_card
from hef.characters.card_picture import MAX_CARD_BYTES, card_in_picture
from hef.characters.placeholders import fill, unfilled
from hef.contract import SetupError
from hypothesis import given
from hypothesis import strategies as st

FIELDS: dict[str, Any] = {
    "name": "Haru",
    "description": "{{char}} keeps a small tea house that {{user}} visits.\r\n{{// not for the prompt}}",
    "personality": "calm, curious",
    "scenario": "{{user}} comes in from the rain.",
    "first_mes": "*{{char}} looks up at {{user}}.* Is that {{user}}'s coat?",
    "mes_example": "<START>\n{{user}}: hi\n{{char}}: hello\n<start>\n<USER>: tea?\n<BOT>: green",
    "creator_notes": "NOTES",
    "system_prompt": "{{original}} Stay in the tea house.",
    "post_history_instructions": "Keep it short.",
    "alternate_greetings": ["Back again?", "", "{{Char}} waves."],
    "tags": ["TAG"],
    "creator": "CREATOR",
    "character_version": "1.1",
    "extensions": {"depth_prompt": {"prompt": "DEPTH"}},
}
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": FIELDS}
V3 = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **FIELDS,
        "nickname": "Ru",
        "group_only_greetings": ["Hello all."],
        "character_book": {"entries": [{"keys": ["tea"], "content": "BOOK"}, {"keys": ["rain"], "content": "BOOK"}]},
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
    },
}


def card(folder: Path, value: Any, name: str = "haru.json") -> Path:
    file = folder / name
    file.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return file


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def picture(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def packed(value: Any) -> bytes:
    return base64.b64encode(json.dumps(value).encode())


def text(keyword: bytes, value: Any) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + packed(value))


def test_the_fields_of_a_card_become_a_character(tmp_path: Path) -> None:
    file = card(tmp_path, V2)
    assert read_card(file) == Character(
        id="haru",
        name="Haru",
        persona="You are Haru.\n\nStay in the tea house.\n\nHaru keeps a small tea house that the person visits.\n\n"
        "Personality: calm, curious\n\nScenario: the person comes in from the rain.\n\nKeep it short.",
        greeting="*Haru looks up at you.* Is that your coat?",
        other_greetings=("Back again?", "Haru waves."),
        examples=("User: hi\nHaru: hello", "User: tea?\nHaru: green"),
        source=str(file),
    )


def test_nothing_that_was_written_for_people_reaches_the_llm(tmp_path: Path) -> None:
    told = read_card(card(tmp_path, V3)).context().persona
    assert not any(word in told for word in ("NOTES", "TAG", "CREATOR", "DEPTH", "BOOK", "not for the prompt", "{{"))


def test_the_third_form_has_the_same_fields_and_a_nickname_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    third = read_card(card(tmp_path, V3))
    assert (third.name, third.greeting) == ("Ru", "*Ru looks up at you.* Is that your coat?")
    assert third.left_out == (
        "its lorebook of 2 entries",
        "its pictures and sounds",
        "its greetings for groups",
    )


def test_the_first_form_has_its_fields_at_the_top(tmp_path: Path) -> None:
    first = {"name": "Haru", "description": "Haru is kind.", "first_mes": "Hello.", "avatar": "none", "chat": 3}
    assert read_card(card(tmp_path, first)).persona == "You are Haru.\n\nHaru is kind."


def test_a_card_in_chinese_calls_the_person_as_chinese_does(tmp_path: Path) -> None:
    chinese = {"name": "小春", "description": "{{char}}喜欢{{user}}。", "first_mes": "{{user}}，你好！"}
    read = read_card(card(tmp_path, chinese))
    assert (read.persona, read.greeting) == ("You are 小春.\n\n小春喜欢对方。", "你好！")


@pytest.mark.parametrize(
    ("greeting", "shown"),
    {
        "Hello {{user}}, Haru here.": "Hello, Haru here.",
        "Hello, {{user}}! Is that you, {{user}}?": "Hello! Is that you?",
        "Welcome back <USER>": "Welcome back",
        "{{user}}, come in. {{User}}! you are wet.": "Come in. You are wet.",
        "*She waves.* Come in, {{user}}, sit down.": "*She waves.* Come in, sit down.",
        "你好{{user}}，我是小春。": "你好，我是小春。",
        "I love {{user}}. Are you {{user}}?": "I love you. Are you you?",
        "*Haru looks at {{user}}, and at {{user}}'s coat.*": "*Haru looks at you, and at your coat.*",
        "Mom, {{user}}, and I are here.": "Mom, you, and I are here.",
    }.items(),
)
def test_a_greeting_leaves_out_the_name_of_whom_it_speaks_to(greeting: str, shown: str) -> None:
    assert fill(greeting, "Haru", "greeting") == shown


def test_placeholders_that_are_not_known_stay_and_are_said(tmp_path: Path) -> None:
    read = read_card(card(tmp_path, {"name": "Haru", "description": "It is {{time}}, {{random:a,b}}, {{time}}."}))
    assert "{{random:a,b}}" in read.persona
    assert read.left_out == ("what the placeholders time, random stand for",)


def test_examples_that_do_not_fit_are_left_out_and_counted(tmp_path: Path) -> None:
    examples = "\n<START>\n".join(f"{{{{user}}}}: {number} {'x' * 3000}" for number in range(10))
    read = read_card(card(tmp_path, {**FIELDS, "mes_example": examples}))
    assert [example[6:8].strip() for example in read.examples] == ["0", "1", "2", "3", "4", "5"]
    assert len(read.context().persona) <= 20_000
    assert read.left_out == ("4 of its example exchanges, which do not fit",)


@pytest.mark.parametrize(
    "chunks",
    [
        [text(b"chara", V2)],
        [text(b"Chara", V2)],
        [text(b"Comment", "else"), text(b"chara", {"name": "Old", "data": {"name": "Old"}}), text(b"ccv3", V2)],
        [chunk(b"tEXt", b"chara\0" + base64.encodebytes(json.dumps(V2).encode()))],
        [chunk(b"zTXt", b"chara\0\0" + zlib.compress(packed(V2)))],
        [chunk(b"iTXt", b"ccv3\0\0\0\0\0" + packed(V2))],
        [chunk(b"iTXt", b"ccv3\0\1\0en\0Card\0" + zlib.compress(packed(V2)))],
    ],
    ids=["tEXt", "capital", "newer first", "broken lines", "zTXt", "iTXt", "iTXt packed"],
)
def test_a_picture_holds_a_card(chunks: list[bytes], tmp_path: Path) -> None:
    expected = read_card(card(tmp_path, V2))
    read = read_card(card(tmp_path, picture(*chunks), "haru.png"))
    assert read == expected.model_copy(update={"source": str(tmp_path / "haru.png")})


def test_a_folder_of_cards(tmp_path: Path) -> None:
    card(tmp_path, V2, "one.json")
    card(tmp_path, picture(text(b"ccv3", V3)), "two.PNG")
    assert {id: one.name for id, one in load_characters(tmp_path).items()} == {"one": "Haru", "two": "Ru"}


BOMB = zlib.compress(b"A" * (2 * MAX_CARD_BYTES + 10))
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is not a PNG picture; give one, or the card's JSON"),
    "jpeg": (b"\xff\xd8\xff\xe0", "it is not a PNG picture"),
    "no chunk": (picture(), "the picture holds no character card (a text chunk chara or ccv3); export the card again"),
    "cut off": (picture(text(b"chara", V2))[:100], "the picture is cut off; copy it again"),
    "length of 4 GB": (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtchara\0", "the picture is cut off"),
    "no base64": (picture(chunk(b"tEXt", b"chara\0{}{}")), "the card in the picture is not base64; export it again"),
    "not ASCII": (picture(chunk(b"tEXt", b"chara\0\xff\xfe")), "the card in the picture is not base64"),
    "bomb": (picture(chunk(b"zTXt", b"chara\0\0" + BOMB)), "is larger than 8,000,000 bytes, which no card needs to be"),
    "not packed": (picture(chunk(b"zTXt", b"chara\0\0zzzz")), "packed in a way that cannot be read"),
    "no text": (picture(chunk(b"iTXt", b"chara")), "the card is not JSON"),
    "too large": (b"\x89PNG\r\n\x1a\n" + bytes(32_000_000), "it is larger than 32,000,000 bytes"),
    "card too large": (picture(text(b"chara", "x" * 8_100_000)), "is larger than 8,000,000 bytes"),
}


@pytest.mark.parametrize("content", REFUSED, ids=list(REFUSED))
def test_a_hostile_picture_is_refused_in_words_and_at_once(content: str, tmp_path: Path) -> None:
    data, reason = REFUSED[content]
    file = card(tmp_path, data, "bad.png")
    start = time.process_time()
    with pytest.raises(SetupError) as refused:
        read_card(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert reason in str(refused.value)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "the card is not JSON, or nested too deep; export it again"),
        (b"[" * 100_000, "the card is not JSON, or nested too deep"),
        (b'{"name": "\xff"}', "the card is not UTF-8 text"),
        (b"1" * 10_000, "the card is not JSON"),
        ([], "it is not a character card: an object with the name of the character was expected"),
        ({"data": []}, "it is not a character card"),
        ({"name": 3}, "it is not a character card"),
        ({"name": " "}, "the name of its character is blank; give it one"),
        ({"name": "x" * 101}, "name has 101 characters"),
        ({"name": "Haru", "description": ["x"]}, "description of the card is a list; a text was expected"),
        ({"name": "Haru", "alternate_greetings": "x"}, "alternate_greetings of the card is a str; a list of texts"),
        ({"name": "Haru", "alternate_greetings": [1]}, "alternate_greetings of the card is a int; a text was expected"),
        ({"name": "Haru", "description": "x" * 30_000}, "have 30,015 characters together; at most 20,000 fit"),
        (b" " * 8_000_001, "it is larger than 8,000,000 bytes"),
    ],
)
def test_a_card_that_is_none_is_refused_in_words(value: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refused:
        read_card(card(tmp_path, value))
    assert reason in str(refused.value)


@given(st.binary(max_size=300), st.sampled_from([b"tEXt", b"zTXt", b"iTXt"]))
def test_no_bytes_raise_anything_else(content: bytes, kind: bytes) -> None:
    for data in (content, b"\x89PNG\r\n\x1a\n" + content, picture(chunk(kind, b"chara\0" + content))):
        try:
            card_in_picture(data)
        except SetupError:
            pass


@given(st.text(max_size=200))
def test_a_text_without_placeholders_stays_as_it_is(value: str) -> None:
    if "{{" not in value and "<" not in value:
        assert fill(value, "Haru", "persona") == value
        assert unfilled(value) == []


@pytest.mark.parametrize(
    "hostile",
    [
        "{{",
        "{{char",
        "{{//",
        "{{random:",
        "{{ " * 3,
        "<bot",
        "you's ",
        "hi <user>",
        ", {{user}}",
        "hi ",
        ". {{user",
        "{{user}}!",
    ],
)
def test_placeholders_are_filled_in_linear_time(hostile: str) -> None:
    start = time.process_time()
    fill(hostile * (50_000 // len(hostile)), "Haru", "greeting")
    unfilled(hostile * (50_000 // len(hostile)))
    assert time.process_time() - start < 0.5
