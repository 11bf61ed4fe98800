"""What a line of an import may hold: it comes from a file, so it is checked like any input, and said in a sentence."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from ..contract import Memory

MAX_TEXT = 100_000
"""Characters of what was said, and of the reply."""
MAX_LINE = 2_000_000
"""Bytes or characters of a line."""
_MAX_NAME = 1_000
"""Characters of a user's and of a conversation's id."""
_LABEL = r"^[^\W_][\w'’/&\-]*( [^\W_][\w'’/&\-]*)?$"
"""One word or two, so that no sentence is taken for an emotion."""
_EXPECTED = {
    "id": "a text of at most 1,000 characters",
    "text": f"what the person said, a text of at most {MAX_TEXT:,} characters",
    "reply": f"a text of at most {MAX_TEXT:,} characters",
    "emotion": "a label such as sad, one word or two of at most 40 characters, or null",
    "probability": "a number from 0 to 1, or null",
    "confirmed": "true or false",
    "causes": "a list of at most 100 texts of at most 200 characters",
    "time": "Unix time in seconds, from 1970 to 9999",
    "thread": "a text of at most 1,000 characters",
    "turn": "a whole number from 0",
    "character": "a text of at most 200 characters",
    "score": "a number, or null",
    "name": "a text of at most 200 characters",
    "expires": "Unix time in seconds, from 1970 to 9999, or null",
    "pinned": "true or false",
    "never_recall": "true or false",
    "wish": "a text of at most 300 characters",
    "why": "null",
    "clauses": f"a list of at most 100 texts of at most {MAX_TEXT:,} characters",
}
_MAX_QUOTE = 60
MAX_UNKNOWN = 10_000
"""Characters, as JSON, of what a turn holds beside the fields of HEF."""


class ImportedTurn(Memory):
    """A turn of a file: nothing is converted, and everything has a limit."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: str = Field(min_length=1, max_length=_MAX_NAME)
    text: str = Field(max_length=MAX_TEXT)
    reply: str = Field(default="", max_length=MAX_TEXT)
    emotion: str | None = Field(default=None, max_length=40, pattern=_LABEL)
    causes: tuple[Annotated[str, Field(max_length=200)], ...] = Field(default=(), max_length=100)
    thread: str = Field(default="", max_length=_MAX_NAME)
    turn: int = Field(default=0, ge=0, le=2**31)
    character: str = Field(default="", max_length=200)
    score: float | None = Field(default=None, allow_inf_nan=False)
    clauses: tuple[Annotated[str, Field(max_length=MAX_TEXT)], ...] = Field(default=(), max_length=100)


def parse_json(line: bytes | str) -> Any:
    """Return the value of a line.

    Raises:
        ValueError: It is too long, not UTF-8 or not JSON, or a number in it is none, such as NaN.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"is {len(line):,} bytes long: at most {MAX_LINE:,} were expected")
    text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
    return json.loads(text, parse_constant=_reject_number, parse_float=_finite)


def check_turn(turn: dict[str, Any], id: str) -> None:
    """Check the turn of a line.

    Raises:
        ValueError: A field is missing or wrong; the message says what it holds and what was expected.
    """
    values = {name: _as_python(value) for name, value in turn.items()}
    if turn.get("id", id) != id:
        raise ValueError(f"has id {_quote(id)}, and its turn has id {_quote(turn['id'])}: one id was expected")
    unknown = {name: value for name, value in turn.items() if name not in {*ImportedTurn.model_fields, "user_id"}}
    if (length := len(json.dumps(unknown))) > MAX_UNKNOWN:
        raise ValueError(
            f"has {length:,} characters in fields that HEF does not know ({_quote(', '.join(unknown))}): "
            f"at most {MAX_UNKNOWN:,} were expected"
        )
    try:
        ImportedTurn.model_validate({**values, "id": id})
        if not turn["text"].strip():
            raise ValueError(f"holds no turn: it has a blank text: {_EXPECTED['text']} was expected")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        value = "none" if first["type"] == "missing" else _quote(turn.get(name, id))
        raise ValueError(f"holds no turn: it has {name} {value}: {_EXPECTED[name]} was expected") from None


def check_name(record: dict[str, Any], name: str) -> None:
    """Check the user or the id of a line.

    Raises:
        ValueError: It is no text, blank, or too long.
    """
    if not isinstance(record.get(name), str) or not 0 < len(record[name].strip()) <= _MAX_NAME:
        raise ValueError(
            f"has {name} {_quote(record.get(name))}: a text of at most {_MAX_NAME:,} characters was expected"
        )


def _as_python(value: object) -> object:
    """Return a JSON value in the types of the model, which takes no halves of characters that a turn may have."""
    if isinstance(value, list):
        return tuple(map(_as_python, value))
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _quote(value: object) -> str:
    """Return the beginning of a value."""
    text = repr(value[:_MAX_QUOTE] if isinstance(value, str) else value)
    return text if len(text) <= _MAX_QUOTE + 2 else f"{text[:_MAX_QUOTE]}…"


def _reject_number(name: str) -> float:
    raise ValueError(f"holds {name}, which is not a JSON number: write a number or null")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _reject_number(digits[:_MAX_QUOTE])
