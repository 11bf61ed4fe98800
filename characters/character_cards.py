"""Character cards of the common forms V1, V2 and V3: JSON, or a PNG picture that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..contract import SetupError
from .card_picture import MAX_CARD_BYTES, card_in_picture
from .character import MAX_PERSONA, Character, example_text
from .placeholders import TextKind, fill, unfilled

MAX_PICTURE_BYTES = 32_000_000
"""Size of a picture that is read."""
_START = "<start>"
"""The mark before each exchange of the example lines, in any case."""
_AROUND_EXAMPLES = 200
"""Characters that are kept for what stands before and after the examples."""
_TEXTS = (
    *("name", "nickname", "description", "personality", "scenario", "first_mes", "mes_example"),
    *("system_prompt", "post_history_instructions"),
)
_UNUSED = {
    "assets": "its pictures and sounds",
    "group_only_greetings": "its greetings for groups",
}


def read_card(file: Path) -> Character:
    """Return the character of a card; what of the card is not used is in `Character.left_out`.

    Description, personality, scenario, system prompt and the instructions after the history become the persona, the
    example lines the examples, the first message the greeting. `{{char}}` and `{{user}}` are filled. Entries of a
    lorebook are left out. Examples that do not fit beside the persona are left out, too.

    Args:
        file: A `.json` file, or a `.png` with a text chunk `ccv3` or `chara`.

    Raises:
        SetupError: It is none; the message names the file, what it holds and what was expected.
    """
    try:
        content = _read(file)
        text = card_in_picture(content) if file.suffix.lower() == ".png" else content
        return _character(file, _fields(text))
    except SetupError as error:
        raise SetupError(f"{file}: {error}") from None


def _read(file: Path) -> bytes:
    limit = MAX_PICTURE_BYTES if file.suffix.lower() == ".png" else MAX_CARD_BYTES
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise SetupError(f"it cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise SetupError(f"it is larger than {limit:,} bytes, which no card needs to be; give a smaller one")
    return content


def _fields(content: bytes) -> dict[str, Any]:
    """Return the fields of a card; V2 and V3 have them under `data`, V1 has them at the top."""
    try:
        card = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SetupError("the card is not UTF-8 text; export it again") from None
    except (ValueError, RecursionError):
        raise SetupError("the card is not JSON, or nested too deep; export it again") from None
    fields = card.get("data", card) if isinstance(card, dict) else card
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise SetupError("it is not a character card: an object with the name of the character was expected")
    return fields


def _character(file: Path, fields: Mapping[str, Any]) -> Character:
    texts = {name: _text(name, fields.get(name)) for name in _TEXTS}
    name = texts["nickname"] or texts["name"]
    if not name:
        raise SetupError("the name of its character is blank; give it one")
    persona = _persona(texts, name)
    if len(persona) > MAX_PERSONA:
        raise SetupError(
            f"description, personality, scenario and instructions have {len(persona):,} characters together; at most "
            f"{MAX_PERSONA:,} fit"
        )
    examples = _exchanges(texts["mes_example"], name)
    fitting = _fitting(examples, MAX_PERSONA - len(persona) - _AROUND_EXAMPLES)
    greetings = [greeting for text in _greetings(fields) if (greeting := _filled(text, name, "greeting"))]
    character = Character(
        id=file.stem,
        name=name,
        persona=persona,
        greeting=_filled(texts["first_mes"], name, "greeting"),
        other_greetings=tuple(greetings),
        examples=tuple(fitting),
        source=str(file),
        left_out=tuple(_left_out(fields, texts, len(examples) - len(fitting))),
    )
    character.context()
    return character


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SetupError(f"{name} of the card is a {type(value).__name__}; a text was expected")
    return value.replace("\r\n", "\n").strip()


def _greetings(fields: Mapping[str, Any]) -> list[str]:
    value = fields.get("alternate_greetings") or []
    if not isinstance(value, list):
        raise SetupError(f"alternate_greetings of the card is a {type(value).__name__}; a list of texts was expected")
    return [_text("alternate_greetings", greeting) for greeting in value]


def _filled(text: str, name: str, kind: TextKind) -> str:
    return fill(text, name, kind).strip()


def _persona(texts: Mapping[str, str], name: str) -> str:
    """Return who the character is: what a front end puts before the conversation, then what it puts after it."""
    personality, scenario = texts["personality"], texts["scenario"]
    parts = [
        f"You are {name}.",
        texts["system_prompt"],
        texts["description"],
        f"Personality: {personality}" if personality else "",
        f"Scenario: {scenario}" if scenario else "",
        texts["post_history_instructions"],
    ]
    return "\n\n".join(filter(None, (_filled(part, name, "persona") for part in parts)))


def _exchanges(text: str, name: str) -> list[str]:
    """Return the example exchanges of a card, without the marks before them."""
    exchanges: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip().lower() == _START:
            exchanges.append([])
        else:
            exchanges[-1].append(line)
    filled = (_filled("\n".join(lines), name, "example") for lines in exchanges)
    return [exchange for exchange in filled if exchange]


def _fitting(examples: list[str], room: int) -> list[str]:
    """Return the first examples that fit into so many characters, with the marks around each."""
    fitting: list[str] = []
    for example in examples:
        room -= len(example_text(example)) + 1
        if room < 0:
            break
        fitting.append(example)
    return fitting


def _left_out(fields: Mapping[str, Any], texts: Mapping[str, str], examples: int) -> list[str]:
    """Return what of a card is not used, one phrase each."""
    left_out = [phrase for name, phrase in _UNUSED.items() if fields.get(name)]
    book = fields.get("character_book")
    entries = book.get("entries") if isinstance(book, dict) else None
    if isinstance(entries, list) and entries:
        left_out.insert(0, f"its lorebook of {len(entries):,} {'entry' if len(entries) == 1 else 'entries'}")
    if examples:
        left_out.append(f"{examples:,} of its example exchanges, which do not fit")
    if names := unfilled("\n".join(texts.values())):
        left_out.append(f"what the placeholders {', '.join(names)} stand for")
    return left_out
