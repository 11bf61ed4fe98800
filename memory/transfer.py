"""Export and import a memory as JSON lines, without vectors, between stores of any kind.

A line is `{"user", "id", "created", "updated", "turn": {...}}`; `turn` is the entire stored value.
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

from ..contract.progress import Progress
from ..contract.sync_async import run_sync
from ..contract.text import MAX_STORED_CHARACTERS, split_clauses
from .chroma.rows import Times
from .chroma.store import ChromaStore
from .imported_turn import check_name, check_turn, parse_json
from .lifetime import has_expired
from .pins import PINS, change_pins, change_wishes
from .selection import EVERYTHING, Selection, select_items
from .turns import TURNS, put_turn, user_namespace, write_turns

_BATCH = 256
"""Lines that are stored, and embedded, at once."""


@dataclass(slots=True)
class ImportReport:
    """Result of an import, in turns."""

    added: int = 0
    """Turns that were stored anew."""
    replaced: int = 0
    """Turns that replaced another version."""
    unchanged: int = 0
    """Turns that were stored already."""
    shortened: int = 0
    """Turns of whose text or reply only the end was taken, as of every long turn (see `stored_value`)."""
    expired: int = 0
    """Turns that were left out because their time is over."""
    broken: list[str] = field(default_factory=list)
    """Why a line was left out, one sentence per line."""


@dataclass(frozen=True, slots=True)
class _Line:
    user: str
    id: str
    turn: dict[str, Any]
    times: Times | None
    is_shortened: bool

    @property
    def item_key(self) -> tuple[tuple[str, ...], str]:
        return user_namespace(self.user, self.turn.get("character")), self.id


def export_turns(store: BaseStore, user_id: str | None, selection: Selection = EVERYTHING) -> Iterator[str]:
    """Yield stored turns as JSON, one per line, oldest first.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns; None for every user's.
        selection: Which of them.
    """
    return (dumps(to_record(item)) for item in select_items(store, user_id, selection))


def to_record(item: SearchItem) -> dict[str, Any]:
    """Return the content of an item's line."""
    return {
        "user": _user_id(item),
        "id": item.key,
        "created": item.created_at.isoformat(),
        "updated": item.updated_at.isoformat(),
        "turn": item.value,
    }


def dumps(value: object) -> str:
    """Return JSON that any UTF-8 file can hold: characters as they are, but for lone surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def _user_id(item: SearchItem) -> str:
    user = item.value.get("user_id")
    own = item.namespace[: len(TURNS) + 1]
    if isinstance(user, str) and user and user_namespace(user) == own:
        return user
    return unquote(own[-1], errors="surrogatepass")


def import_turns(
    store: BaseStore, lines: Iterable[bytes | str], *, user_id: str | None = None, report: Progress | None = None
) -> ImportReport:
    """Store exported turns; those that are stored already are left alone, so that it can be done again.

    The turn's text is embedded anew, some hundred at a time. A line that is broken, or whose turn HEF would not have
    stored (see `imported_turn`), is reported and left out. A `ChromaStore`
    keeps the times of creation and change that a line states; a `BaseStore` takes none, so any other sets its own.

    Args:
        store: Any LangGraph store.
        lines: Output of `export_turns`.
        user_id: Whose memory they go to; None for the user that each line names.
        report: Receives the progress in lines; how many there are is not known.
    """
    result, numbered_lines, done = ImportReport(), enumerate(lines, start=1), 0
    while batch := list(islice(numbered_lines, _BATCH)):
        _store(store, list(_parse_lines(batch, user_id, result.broken)), result)
        done += len(batch)
        if report:
            report("importing", done, None)
    return result


def _parse_lines(batch: Iterable[tuple[int, bytes | str]], user_id: str | None, broken: list[str]) -> Iterator[_Line]:
    for number, line in batch:
        if line.strip():
            try:
                yield _parse_line(line, user_id)
            except (ValueError, RecursionError) as error:
                broken.append(f"line {number} {_explain(error)}")


def _parse_line(line: bytes | str, user_id: str | None) -> _Line:
    record = parse_json(line)
    if not isinstance(record, dict) or not isinstance(record.get("turn"), dict):
        raise ValueError("is not an exported turn: an object with user, id and turn was expected")
    for name in ("user", "id"):
        check_name(record, name)
    if record["id"] == PINS:
        raise ValueError(f"has id {PINS!r}, which is not a turn's: HEF keeps under it what is pinned")
    check_turn(record["turn"], record["id"])
    user = record["user"] if user_id is None else user_id
    turn = _storable(record["turn"])
    return _Line(user, record["id"], {**turn, "user_id": user}, _parse_times(record), turn != record["turn"])


def _storable(turn: dict[str, Any]) -> dict[str, Any]:
    """Return a turn as HEF stores one: of a long text or reply its end."""
    texts: dict[str, Any] = {name: turn[name][-MAX_STORED_CHARACTERS:] for name in ("text", "reply") if name in turn}
    if all(turn[name] == text for name, text in texts.items()):
        return turn
    return {**turn, **texts, "clauses": split_clauses(texts["text"])}


def _parse_times(record: dict[str, Any]) -> Times | None:
    """Return the times of a line, None where it states none."""
    if "created" not in record:
        return None
    return Times(_parse_time(record, "created"), _parse_time(record, "updated" if "updated" in record else "created"))


def _parse_time(record: dict[str, Any], name: str) -> str:
    try:
        time = datetime.fromisoformat(record[name])
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC).isoformat()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"has {name} {record[name]!r}: a time such as 2026-11-24T09:30:00+00:00 was expected"
        ) from None


def _explain(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "is not UTF-8 text"
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg} at column {error.colno}"
        case RecursionError():
            return "is nested too deep"
        case _:
            return str(error)


def _store(store: BaseStore, lines: Sequence[_Line], result: ImportReport) -> None:
    result.expired += sum(has_expired(line.turn) for line in lines)
    last_lines = {line.item_key: line for line in lines if not has_expired(line.turn)}
    result.shortened += sum(line.is_shortened for line in last_lines.values())
    stored_items = store.batch([GetOp(namespace, key) for namespace, key in last_lines])
    puts: list[PutOp] = []
    for ((namespace, key), line), stored in zip(last_lines.items(), stored_items, strict=True):
        stored_turn = getattr(stored, "value", None)
        if stored_turn == line.turn:
            result.unchanged += 1
            continue
        puts.append(put_turn(store, namespace, key, line.turn))
        result.added += stored_turn is None
        result.replaced += stored_turn is not None
    if isinstance(store, ChromaStore):
        store.restore(puts, {item_key: line.times for item_key, line in last_lines.items() if line.times})
    elif puts:
        run_sync(write_turns(store, store.batch, puts))
    for namespace in {put.namespace for put in puts}:
        pinned = {put.key: (put.value or {}).get("pinned") is True for put in puts if put.namespace == namespace}
        added, removed = ([id for id, mark in pinned.items() if mark is is_set] for is_set in (True, False))
        if added:
            run_sync(change_pins(store.batch, namespace, added, removed))
        wishes = [put for put in puts if put.namespace == namespace and (put.value or {}).get("wish")]
        if wishes:
            newest_last = sorted(wishes, key=lambda put: (put.value or {}).get("time") or 0.0)
            run_sync(change_wishes(store.batch, namespace, [put.key for put in newest_last]))
