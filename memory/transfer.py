"""Take a memory along: as JSON lines, without vectors, to this store or any other.

A line is `{"user", "id", "created", "updated", "turn": {...}}`; `turn` is the stored value, whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import unquote

from langgraph.store.base import BaseStore, GetOp, PutOp, SearchItem
from pydantic import ValidationError

from ..contract import Memory
from ..contract.progress import Progress
from .chroma.rows import Times
from .chroma.store import ChromaStore
from .selection import EVERYTHING, Selection, select_items
from .serialisation import INDEXED
from .user_namespaces import user_namespace

_BATCH = 256


@dataclass(slots=True)
class ImportReport:
    """What came of an import, in turns."""

    added: int = 0
    """Stored anew."""
    replaced: int = 0
    """Stored in the place of another version."""
    unchanged: int = 0
    """Left alone, because they were stored already."""
    broken: list[str] = field(default_factory=list)
    """Why a line was left out, a sentence a line."""


@dataclass(frozen=True, slots=True)
class _Line:
    user: str
    id: str
    turn: dict[str, Any]
    times: Times | None

    @property
    def place(self) -> tuple[tuple[str, ...], str]:
        return user_namespace(self.user), self.id


def export_turns(store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING) -> Iterator[str]:
    """Yield what is stored as JSON, a turn a line, oldest first.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns; None for every user's.
        selection: Which of them.
    """
    return (dumps(to_record(item)) for item in select_items(store, user_id, selection))


def to_record(item: SearchItem) -> dict[str, Any]:
    """Return what a line holds of an item."""
    return {
        "user": _user_of(item),
        "id": item.key,
        "created": item.created_at.isoformat(),
        "updated": item.updated_at.isoformat(),
        "turn": item.value,
    }


def dumps(held: object) -> str:
    """Return JSON that any UTF-8 file can hold: characters as they are, but for lone surrogates."""
    text = json.dumps(held, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(held)
    return text


def _user_of(item: SearchItem) -> str:
    user = item.value.get("user_id")
    if isinstance(user, str) and user and user_namespace(user) == item.namespace:
        return user
    return unquote(item.namespace[-1], errors="surrogatepass")


def import_turns(
    store: BaseStore, lines: Iterable[bytes | str], *, user_id: str | None = None, report: Progress | None = None
) -> ImportReport:
    """Store exported turns; those that are stored already are left alone, so that it can be done again.

    The turn's text is embedded anew, some hundred at a time. A broken line is named and left out. A `ChromaStore`
    keeps the times of creation and change that a line names; a `BaseStore` takes none, so any other gives its own.

    Args:
        store: Any LangGraph store.
        lines: What `export_turns` gave.
        user_id: Whose memory they go to; None for the user whom each line names.
        report: Receives the progress in lines; how many there are is not known.
    """
    done, numbered, read = ImportReport(), enumerate(lines, start=1), 0
    while batch := list(islice(numbered, _BATCH)):
        _store(store, list(_whole(batch, user_id, done.broken)), done)
        read += len(batch)
        if report:
            report("importing", read, None)
    return done


def _whole(batch: Iterable[tuple[int, bytes | str]], user_id: str | None, broken: list[str]) -> Iterator[_Line]:
    for number, line in batch:
        if line.strip():
            try:
                yield _parsed(line, user_id)
            except (ValueError, RecursionError) as error:
                broken.append(f"line {number} {_fault(error)}")


def _parsed(line: bytes | str, user_id: str | None) -> _Line:
    text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
    held = json.loads(text)
    if not isinstance(held, dict) or not isinstance(held.get("turn"), dict):
        raise ValueError("is no exported turn: an object with user, id and turn was expected")
    for name in ("user", "id"):
        if not isinstance(held.get(name), str) or not held[name]:
            raise ValueError(f"has {name} {held.get(name)!r}: a text was expected")
    Memory.model_validate({**held["turn"], "id": held["id"]})
    user = held["user"] if user_id is None else user_id
    return _Line(user, held["id"], {**held["turn"], "user_id": user}, _times(held))


def _times(held: dict[str, Any]) -> Times | None:
    """Return the times of a line, None where it names none."""
    if "created" not in held:
        return None
    return Times(_time(held, "created"), _time(held, "updated" if "updated" in held else "created"))


def _time(held: dict[str, Any], name: str) -> str:
    try:
        found = datetime.fromisoformat(held[name])
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC).isoformat()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"has {name} {held[name]!r}: a time such as 2026-11-24T09:30:00+00:00 was expected") from None


def _fault(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "is not UTF-8 text"
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg} at column {error.colno}"
        case ValidationError():
            first = error.errors()[0]
            return f"holds no turn: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        case RecursionError():
            return "is nested too deep"
        case _:
            return str(error)


def _store(store: BaseStore, lines: Sequence[_Line], done: ImportReport) -> None:
    last = {line.place: line for line in lines}
    held = store.batch([GetOp(space, key) for space, key in last])
    puts: list[PutOp] = []
    for (space, key), line, there in zip(last, last.values(), held, strict=True):
        value = getattr(there, "value", None)
        if value == line.turn:
            done.unchanged += 1
            continue
        puts.append(PutOp(space, key, line.turn, index=INDEXED))
        done.added += value is None
        done.replaced += value is not None
    if isinstance(store, ChromaStore):
        store.restore(puts, {place: line.times for place, line in last.items() if line.times})
    elif puts:
        store.batch(puts)
