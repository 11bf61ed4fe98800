"""The memory of past turns on any LangGraph store: their namespaces and stored values; store, list and delete them.

Coroutines here take a method of the store, such as `search` or `asearch`, so that each is written once: asynchronous
callers await it, and `run_sync` drives it for synchronous ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import quote

from langgraph.store.base import BaseStore, Item, PutOp, SearchItem
from langgraph.store.memory import InMemoryStore
from pydantic import ValidationError

from ..contract import Memory, SetupError
from ..contract.sync_async import maybe_await, run_sync
from ..contract.text import MAX_STORED_CHARACTERS, split_clauses
from .chroma.store import ChromaStore
from .lifetime import is_hidden, lifetime, refreshes
from .pins import PINS, Batch, change_pins, change_wishes

TURNS = ("hef", "turns")
"""Namespace under which each user has one of their own."""
INDEXED = ["text", "clauses[*]"]
"""JSON paths that are embedded: the person's entire text, and each clause of it; never the reply."""
_CHARACTERS = "characters"
"""Label below a user's namespace under which each character has one of its own."""
_MAX_LABEL_LENGTH = 200
"""Characters of a namespace label beyond which a hash is the label."""
_MARKS = frozenset({"name", "expires", "pinned", "never_recall", "wish"})
"""Fields that are stored where they say something: each stored field is one more that a store can filter by."""
_PAGE = 1000
"""Items that are listed at once."""
_log = logging.getLogger(__name__)

Search: TypeAlias = Callable[..., list[SearchItem] | Awaitable[list[SearchItem]]]
"""`BaseStore.search` or `BaseStore.asearch` of a store."""


def user_namespace(user_id: str, character: str | None = None) -> tuple[str, ...]:
    """Return the namespace of a user's turns: `("hef", "turns", <label>)`.

    Turns with a character are below it, in `("hef", "turns", <label>, "characters", <label of the character>)`: what
    searches or deletes all that is under a user's namespace finds them, too.

    Any text is an id: namespace labels may hold neither dots nor NUL, so all but letters, digits, `-`,
    `_` and `~` is percent-encoded, and an id that becomes too long for a label is hashed. No two ids share a
    label; the id itself is in each stored turn.

    Args:
        user_id: Whose turns.
        character: With which character; None or an empty text for those with none.

    Raises:
        SetupError: If the id is empty or not a text.
    """
    if not isinstance(user_id, str) or not user_id:
        raise SetupError(f"The user id is {user_id!r}; give a text that names one person.")
    return (*TURNS, _label(user_id), *_character_labels(character))


def is_with_character(namespace: tuple[str, ...], character: str | None) -> bool:
    """Return whether a namespace is that of a user's turns with a character.

    Args:
        namespace: The namespace of an item.
        character: The character; an empty text for turns with none, None for turns with any or none.
    """
    labels = namespace[len(TURNS) + 1 :]
    if character is None:
        return not labels or (len(labels) == 2 and labels[0] == _CHARACTERS)
    return labels == _character_labels(character)


def _character_labels(character: str | None) -> tuple[str, ...]:
    return (_CHARACTERS, _label(character)) if character else ()


def _label(id: str) -> str:
    """Return the label of an id in a namespace."""
    label = quote(id, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(label) > _MAX_LABEL_LENGTH:
        # Percent-encoding never writes `%sha`, so no other id has this label.
        label = f"%sha256-{hashlib.sha256(label.encode()).hexdigest()}"
    return label


def turn_id(thread: str, turn: str) -> str:
    """Return the id of a turn, the same each time the turn is run.

    Args:
        thread: Id of the conversation.
        turn: Id of the person's message in it.
    """
    return hashlib.sha256(json.dumps([thread, turn]).encode()).hexdigest()


def stored_value(user_id: str, memory: Memory) -> dict[str, Any]:
    """Return the value that is stored of a turn: of a long text or reply its last `MAX_STORED_CHARACTERS`."""
    fields = memory.model_dump(mode="json", exclude={"score", "why"})
    fields = {name: field for name, field in fields.items() if name not in _MARKS or field}
    # PostgreSQL takes no NUL.
    texts = {name: fields[name][-MAX_STORED_CHARACTERS:].replace("\0", "\ufffd") for name in ("text", "reply")}
    return {**fields, **texts, "clauses": split_clauses(texts["text"]), "user_id": user_id}


def memories_from_items(items: Iterable[Item]) -> list[Memory]:
    """Return the turns of a user's items; items that are not turns are skipped with a warning."""
    return [memory for memory in map(memory_from_item, items) if memory is not None]


def memory_from_item(item: Item) -> Memory | None:
    """Return the turn that an item holds, None where HEF did not store it.

    A turn that is replayed is written again, with the time of the replay; it happened when it was first stored.
    """
    try:
        memory = Memory.model_validate({**item.value, "id": item.key})
    except ValidationError:
        _log.warning("Skipped %r in %r: it is not a turn that HEF stored.", item.key, item.namespace)
        return None
    return memory.model_copy(update={"time": min(memory.time, item.created_at.timestamp())})


def remember_turn(store: BaseStore, user_id: str, memory: Memory) -> None:
    """Store a turn in one write; a turn that is stored already is replaced.

    Args:
        store: Any LangGraph store; with an index, the person's text is embedded, entire and by clause.
        user_id: Whose turn it is.
        memory: The turn; its `id` is the key, see `turn_id`, and it is stored among those with its `character`. Of a
            text or reply of more than 20,000 characters (`MAX_STORED_CHARACTERS`) the end is stored.
    """
    run_sync(_remember(store, store.batch, user_id, [memory]))


async def aremember_turn(store: BaseStore, user_id: str, memory: Memory) -> None:
    """Store a turn as `remember_turn` does, without blocking the event loop."""
    await _remember(store, store.abatch, user_id, [memory])


def remember_turns(store: BaseStore, user_id: str, memories: Iterable[Memory]) -> None:
    """Store several turns of a user at once, so that they are embedded together (`write_turns`)."""
    run_sync(_remember(store, store.batch, user_id, memories))


def put_turn(store: BaseStore, namespace: tuple[str, ...], id: str, value: dict[str, Any]) -> PutOp:
    """Return the op that stores a turn, for as long as it is to be kept."""
    ttl = (store.ttl_config or {}).get("default_ttl")
    return PutOp(namespace, id, value, index=INDEXED, **{"ttl": ttl, **lifetime(store, value)})


def start_sweeper(store: BaseStore, puts: Iterable[PutOp]) -> None:
    """Let a store delete turns in time, where some of those that were stored have an end."""
    if isinstance(store, ChromaStore) and any(put.ttl is not None for put in puts):
        store.start_ttl_sweeper()


def list_turns(store: BaseStore, user_id: str, *, character: str | None = None) -> list[Memory]:
    """Return all turns of a user, newest first.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        character: Those with this character alone; an empty text for those with none, None for all.
    """
    return _newest_first(run_sync(user_items(store, store.search, user_id, character)))


async def alist_turns(store: BaseStore, user_id: str, *, character: str | None = None) -> list[Memory]:
    """Return turns as `list_turns` does, without blocking the event loop."""
    return _newest_first(await user_items(store, store.asearch, user_id, character))


def forget_turns(
    store: BaseStore, user_id: str, ids: Iterable[str] | None = None, *, character: str | None = None
) -> int:
    """Delete turns of a user, by default all, and return how many there were.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        ids: Which of them; None for all.
        character: Those with this character alone; an empty text for those with none, None for all.
    """
    return run_sync(_forget(store, store.search, store.batch, user_id, ids, character))


async def aforget_turns(
    store: BaseStore, user_id: str, ids: Iterable[str] | None = None, *, character: str | None = None
) -> int:
    """Delete turns as `forget_turns` does, without blocking the event loop."""
    return await _forget(store, store.asearch, store.abatch, user_id, ids, character)


async def list_items(
    store: BaseStore, search: Search, namespace: tuple[str, ...], *, below: bool = False
) -> list[SearchItem]:
    """Return all items of a namespace, each once, but for that which says what is pinned.

    Args:
        store: Any LangGraph store.
        search: Its `search` or `asearch`.
        namespace: Where they are.
        below: Include those of the namespaces below it.
    """
    items: dict[tuple[tuple[str, ...], str], SearchItem] = {}
    for offset in count(0, _PAGE):
        page = await maybe_await(search(namespace, limit=_PAGE, offset=offset, refresh_ttl=refreshes(store)))
        turns = (item for item in page if item.key != PINS and (below or item.namespace == namespace))
        items.update(((item.namespace, item.key), item) for item in turns)
        if len(page) < _PAGE:
            break
    return list(items.values())


async def write_turns(store: BaseStore, batch: Batch, puts: Sequence[PutOp]) -> None:
    """Write turns in one batch; in several to LangGraph's `InMemoryStore`, which fails where it embeds a text twice.

    Args:
        store: Any LangGraph store.
        batch: Its `batch` or `abatch`.
        puts: The writes, see `put_turn`.
    """
    for part in _batches(puts) if isinstance(store, InMemoryStore) else [puts]:
        await maybe_await(batch(part))


def _batches(puts: Iterable[PutOp]) -> list[list[PutOp]]:
    """Return writes in batches that embed no text twice."""
    batches: list[list[PutOp]] = [[]]
    seen: set[str] = set()
    for put in puts:
        value = put.value or {}
        clauses = list(dict.fromkeys(value.get("clauses", ())))
        texts = {value.get("text", ""), *clauses}
        if seen & texts:
            batches.append([])
            seen = set()
        batches[-1].append(put._replace(value={**value, "clauses": clauses}) if clauses else put)
        seen |= texts
    return batches


async def _remember(store: BaseStore, batch: Batch, user_id: str, memories: Iterable[Memory]) -> None:
    puts: list[PutOp] = []
    pinned, wishes = (defaultdict[tuple[str, ...], list[str]](list) for _ in range(2))
    for memory in memories:
        namespace = user_namespace(user_id, memory.character)
        puts.append(put_turn(store, namespace, memory.id, stored_value(user_id, memory)))
        if memory.pinned:
            pinned[namespace].append(memory.id)
        if memory.wish:
            wishes[namespace].append(memory.id)
    await write_turns(store, batch, puts)
    start_sweeper(store, puts)
    for namespace, ids in pinned.items():
        await change_pins(batch, namespace, added=ids)
    for namespace, ids in wishes.items():
        await change_wishes(batch, namespace, added=ids)


async def user_items(store: BaseStore, search: Search, user_id: str, character: str | None) -> list[SearchItem]:
    """Return the items of a user's turns with a character, see `is_with_character`."""
    items = await list_items(store, search, user_namespace(user_id, character), below=not character)
    return [item for item in items if is_with_character(item.namespace, character)]


async def _forget(
    store: BaseStore, search: Search, batch: Batch, user_id: str, ids: Iterable[str] | None, character: str | None
) -> int:
    items = await user_items(store, search, user_id, character)
    selected_ids = None if ids is None else set(ids)
    forgotten = [item for item in items if selected_ids is None or item.key in selected_ids]
    await maybe_await(batch([PutOp(item.namespace, item.key, None) for item in forgotten]))
    await unpin_deleted(batch, forgotten)
    return len(forgotten)


async def unpin_deleted(batch: Batch, items: Iterable[Item]) -> None:
    """Say of turns that are deleted that they are no longer pinned and hold no wish: nothing names them any more."""
    marked = defaultdict[tuple[str, ...], list[str]](list)
    for item in items:
        if item.value.get("pinned") or item.value.get("wish"):
            marked[item.namespace].append(item.key)
    for namespace, ids in marked.items():
        await change_pins(batch, namespace, removed=ids)
        await change_wishes(batch, namespace, removed=ids)


def _newest_first(items: Sequence[Item]) -> list[Memory]:
    current = (item for item in items if not is_hidden(item.value))
    return sorted(memories_from_items(current), key=lambda memory: memory.time, reverse=True)
