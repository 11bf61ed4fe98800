"""The lines that `hef perceive` reads: each a dialogue, or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contract import Dialogue, Turn

_SPEAKER = {"speaker", "user", "human"}
_LISTENER = {"listener", "assistant", "ai", "bot"}
_UNSPOKEN = {"system", "tool", "developer", "function"}
_DIALOGUES = ("messages", "utterances")
_RESULTS = ("emotion", "distribution", "causes", "error", "line")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the input."""

    line: int
    """Its number, 1 is the first."""
    turns: Dialogue = ()
    """What was said; empty when the line is broken."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the line also holds; it is passed through."""
    error: str | None = None
    """Why it cannot be read."""


def read_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield a row for each line that is not blank; a broken line never ends it."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    held: Any = None
    try:
        held = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8").strip())
        turns, taken = _turns(held)
        return Row(number, turns, _extra(held, taken))
    except UnicodeDecodeError:
        return Row(number, error="not UTF-8 text")
    except json.JSONDecodeError as error:
        return Row(number, error=f"not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Row(number, extra=_extra(held, _DIALOGUES), error=str(error))


def _turns(held: Any) -> tuple[list[Turn], tuple[str, ...]]:
    """Return the turns of a line's value, and the keys they were taken from."""
    if isinstance(held, str):
        return [_spoken("speaker", held)], ()
    if not isinstance(held, dict):
        raise ValueError(f"a line is a string or an object, not {_kind(held)}")
    if isinstance(held.get("text"), str):
        return [_spoken("speaker", held["text"])], ()
    for key in _DIALOGUES:
        if isinstance(held.get(key), list):
            turns = [turn for item in held[key] if (turn := _turn(item))]
            if not turns:
                raise ValueError(f"`{key}` holds no turn with text")
            return turns, (key,)
    raise ValueError("neither `text` (a string) nor `messages` or `utterances` (a list) stands in the object")


def _turn(item: Any) -> Turn | None:
    """Return a turn, or None for what nobody said."""
    if not isinstance(item, dict):
        raise ValueError(f"a turn is an object with `role` and `text`, not {_kind(item)}")
    role = str(item.get("role", item.get("type", "speaker"))).lower()
    if role in _UNSPOKEN:
        return None
    if role not in _SPEAKER | _LISTENER:
        raise ValueError(f"role {role!r} is unknown; use speaker or listener (or user, assistant)")
    text = _text(item.get("text", item.get("content")))
    return _spoken("speaker" if role in _SPEAKER else "listener", text) if text.strip() else None


def _text(content: Any) -> str:
    """Return the text of a message's content, which may come in parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(_text(part.get("text") if isinstance(part, dict) else part) for part in content)
    raise ValueError(f"a turn's text is a string, not {_kind(content)}")


def _spoken(role: Any, text: str) -> Turn:
    if not text.strip():
        raise ValueError("the text is blank")
    text.encode()  # a lone surrogate, which JSON can hold, is no text
    return Turn(role, text)


def _extra(held: Any, taken: Iterable[str]) -> dict[str, Any]:
    """Return what passes through; keys that results use are kept under `input`."""
    if not isinstance(held, dict):
        return {"text": held} if isinstance(held, str) else {}
    extra = {key: value for key, value in held.items() if key not in taken and key not in _RESULTS}
    clash = {key: value for key, value in held.items() if key in _RESULTS}
    return {**extra, "input": clash} if clash else extra


def _kind(value: Any) -> str:
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "a string")
