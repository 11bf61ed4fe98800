"""A character's own file: TOML that a host writes, with strict fields."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..contract import SetupError
from ..contract.settings.settings_model import nearest_setting
from .character import Character
from .placeholders import fill

MAX_BYTES = 1_000_000
"""Size of a file that is read; a persona has 20,000 characters at most."""
_TEXTS = ("name", "persona", "greeting", "language", "model", "sem")
_FIELDS = (*_TEXTS, "other_greetings", "examples", "model_settings", "shared_memory")
_EXAMPLE = ("user", "reply")


def read_character_file(file: Path) -> Character:
    """Return the character of a TOML file; `{{char}}` and `{{user}}` in its texts are filled.

    Raises:
        SetupError: It is none; the message names the file, the field, what it holds and what was expected.
    """
    try:
        fields = _parse(file)
        return _character(file, fields)
    except SetupError as error:
        raise SetupError(f"{file}: {error}") from None


def _parse(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SetupError(f"it cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise SetupError(f"it is larger than {MAX_BYTES:,} bytes; shorten it")
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise SetupError("it is not UTF-8 text; save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SetupError(f"it is not TOML: {error}") from None


def _character(file: Path, fields: dict[str, Any]) -> Character:
    if unknown := [name for name in fields if name not in _FIELDS]:
        near = nearest_setting(unknown[0], _FIELDS)
        meant = f" (did you mean {near!r}?)" if near else ""
        raise SetupError(f"there is no field {unknown[0][:60]!r}{meant}; the fields are {', '.join(_FIELDS)}")
    texts = {name: _text(name, fields[name]) for name in _TEXTS if name in fields}
    if missing := [name for name in ("name", "persona") if not texts.get(name, "").strip()]:
        raise SetupError(f"{missing[0]} is missing or blank; give a text")
    name = texts["name"].strip()
    greetings = fields.get("other_greetings", [])
    if not isinstance(greetings, list):
        raise SetupError(f"other_greetings is {_shown(greetings)}; give a list of texts")
    values: dict[str, Any] = {
        **{key: text.strip() or None for key, text in texts.items() if key in ("language", "model", "sem")},
        "persona": fill(texts["persona"].strip(), name, "persona"),
        "greeting": fill(texts.get("greeting", "").strip(), name, "greeting"),
        "other_greetings": tuple(fill(_text("other_greetings", text).strip(), name, "greeting") for text in greetings),
        "examples": _examples(fields.get("examples", []), name),
        "model_settings": fields.get("model_settings", {}),
    }
    if not isinstance(shared := fields.get("shared_memory", False), bool):
        raise SetupError(f"shared_memory is {_shown(shared)}; give true or false")
    character = Character(id=file.stem, name=name, source=str(file), shared_memory=shared, **values)
    character.context()
    return character


def _examples(value: object, name: str) -> tuple[str, ...]:
    """Return the example exchanges: of each what a person says, and what the character replies."""
    expected = 'give a list such as [{ user = "I failed.", reply = "That hurts." }]'
    if not isinstance(value, list):
        raise SetupError(f"examples is {_shown(value)}; {expected}")
    lines: list[str] = []
    for example in value:
        if not isinstance(example, dict) or set(example) != set(_EXAMPLE):
            raise SetupError(f"an example is {_shown(example)}; {expected}")
        user, reply = (fill(_text(f"{key} of an example", example[key]).strip(), name, "example") for key in _EXAMPLE)
        lines.append(f"User: {user}\n{name}: {reply}")
    return tuple(lines)


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise SetupError(f"{field} is {_shown(value)}; give a text")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
