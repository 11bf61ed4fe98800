"""Input lines of `hef perceive`, parsed to dialogues."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract import Dialogue, Turn

_SPEAKER = {"speaker", "user", "human"}
_LISTENER = {"listener", "assistant", "ai", "bot"}
_OTHER_ROLES = {"system", "tool", "developer", "function"}
_DIALOGUES = ("messages", "utterances")
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a UTF-16 pair, which JSON allows and no text file holds."""
_RESULTS = ("emotion", "distribution", "causes", "error", "line")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the input."""

    line: int
    """Line number from 1."""
    turns: Dialogue = ()
    """The dialogue; empty when the line is broken."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of the line, which are passed through."""
    error: str | None = None
    """Why the line cannot be read."""


def read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield a row for each line that is not blank; a broken line never ends it."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    value: Any = None
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8").strip())
        turns, used = _turns(value)
        return Row(number, turns, _extra(value, used))
    except UnicodeDecodeError:
        return Row(number, error="not UTF-8 text")
    except json.JSONDecodeError as error:
        return Row(number, error=f"not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Row(number, extra=_extra(value, _DIALOGUES), error=str(error))


def _turns(value: Any) -> tuple[list[Turn], tuple[str, ...]]:
    """Return the turns of a line's value, and the keys they come from."""
    if isinstance(value, str):
        return [_checked_turn("speaker", value)], ()
    if not isinstance(value, dict):
        raise ValueError(f"a line is a string or an object, not {_json_type(value)}")
    if isinstance(value.get("text"), str):
        return [_checked_turn("speaker", value["text"])], ()
    for key in _DIALOGUES:
        if isinstance(value.get(key), list):
            turns = [turn for item in value[key] if (turn := _turn(item))]
            if not turns:
                raise ValueError(f"`{key}` has no turn with text")
            return turns, (key,)
    raise ValueError("the object has neither `text` (a string) nor `messages` or `utterances` (a list)")


def _turn(item: Any) -> Turn | None:
    """Return a turn, or None for a message of the system or a tool, or without text."""
    if not isinstance(item, dict):
        raise ValueError(f"a turn is an object with `role` and `text`, not {_json_type(item)}")
    role = str(item.get("role", item.get("type", "speaker"))).lower()
    if role in _OTHER_ROLES:
        return None
    if role not in _SPEAKER | _LISTENER:
        raise ValueError(f"role {role!r} is unknown; use speaker or listener (or user, assistant)")
    text = _text(item.get("text", item.get("content")))
    return _checked_turn("speaker" if role in _SPEAKER else "listener", text) if text.strip() else None


def _text(content: Any) -> str:
    """Return the text of a message's content, which may come in parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(_text(part.get("text") if isinstance(part, dict) else part) for part in content)
    raise ValueError(f"a turn's text is a string, not {_json_type(content)}")


def _checked_turn(role: Any, text: str) -> Turn:
    if not text.strip():
        raise ValueError("the text is blank")
    if half := _SURROGATE.search(text):
        raise ValueError(f"the text holds half of a character (\\u{ord(half[0]):04x}); write both halves or none")
    return Turn(role, text)


def _extra(row: Any, used: Iterable[str]) -> dict[str, Any]:
    """Return the keys that pass through; those that results use, too, are put under `input`."""
    if not isinstance(row, dict):
        return {"text": row} if isinstance(row, str) else {}
    extra = {key: value for key, value in row.items() if key not in used and key not in _RESULTS}
    clash = {key: value for key, value in row.items() if key in _RESULTS}
    return {**extra, "input": clash} if clash else extra


def _json_type(value: Any) -> str:
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "a string")
