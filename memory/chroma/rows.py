"""How an item lies in Chroma: which rows, under which ids, with which metadata.

| row | id | holds | vector |
|---|---|---|---|
| item | `<namespace>-<key>` | the item as JSON, in the metadata `item` | its first, or a blank |
| further vector of an item | `<namespace>-<key>#<n>` | nothing | the n-th, or a blank |
| namespace | `<namespace>/` | its labels as JSON, as document | a blank |

`<namespace>` and `<key>` are hashes, so that any text may be a label or a key. Each row of an item
carries the hash of every prefix of its namespace (`p1`, `p2`, ...), so a prefix search is one equality; the
row of a namespace carries those of its prefixes and suffixes under other names (`s1`, `e1`, ...). The first
row of an item that expires says when (`expires`). An item keeps its rows as long as it lives, blank where
it has fewer vectors than before, so that a put is one write of Chroma: all of it or nothing.
Chroma wants a vector in every row; a blank is one that is next to nothing long, in an arbitrary direction,
since rows of equal vectors make Chroma's graph slow and tear it apart. An item is no document, because Chroma
indexes documents for a search by parts of words, which is never made. Rows of the formats before (see `collection`)
hold it as one all the same, until they are written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from langgraph.store.base import Item, SearchItem

from ...contract import StoreError
from .filters import Clause, clauses, facets

Namespace: TypeAlias = tuple[str, ...]
Metadata: TypeAlias = dict[str, str | int | float | bool | None]

EXPIRES = "expires"
"""Name of the metadata that holds when an item expires, in seconds since 1970."""

ITEM = "item"
"""Name of the metadata that holds an item as JSON."""

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """When an item was written."""

    created: str
    """When it was first written, ISO 8601, UTC."""
    updated: str
    """When it was last written, ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Record:
    """An item as it is stored."""

    namespace: Namespace
    """The labels of its namespace."""
    key: str
    """Its key within the namespace."""
    value: dict[str, Any]
    """The stored value."""
    created: str
    """When it was first written, ISO 8601, UTC."""
    updated: str
    """When it was last written, ISO 8601, UTC."""
    rows: int
    """How many rows it takes: one, or the most vectors it ever had."""
    ttl: float | None = None
    """How many minutes it lives after it was written or refreshed; None for ever."""

    def as_json(self) -> str:
        """Return the record as JSON.

        Raises:
            StoreError: If the value is nothing that JSON can hold.
        """
        held = [list(self.namespace), self.key, self.value, self.created, self.updated, self.rows]
        if self.ttl is not None:
            held.append(self.ttl)
        try:
            text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(
                f"The value of {self.key!r} in {self.namespace} cannot be stored: {error}. Give a value of "
                "mappings, lists, texts, numbers, booleans and None."
            ) from error
        return text if _is_unicode(text) else json.dumps(held)

    @classmethod
    def of(cls, metadata: Metadata, document: str | None) -> Record:
        """Return the record that a row holds, in its metadata or, of old, as its document."""
        namespace, *rest = json.loads(str(metadata.get(ITEM) or document))
        return cls(tuple(namespace), *rest)

    def item(self) -> Item:
        """Return the item as LangGraph wants it."""
        return Item(
            value=self.value,
            key=self.key,
            namespace=self.namespace,
            created_at=datetime.fromisoformat(self.created),
            updated_at=datetime.fromisoformat(self.updated),
        )

    def search_item(self, score: float | None) -> SearchItem:
        """Return the item as a search result."""
        created, updated = datetime.fromisoformat(self.created), datetime.fromisoformat(self.updated)
        return SearchItem(self.namespace, self.key, self.value, created, updated, score)

    def metadata(self) -> Metadata:
        """Return what Chroma may sieve all rows of this record by."""
        return {**_hashes("p", self.namespace), **facets(self.value)}

    def expires(self, now: float) -> Metadata:
        """Return the metadata that says when this record expires, counted from now."""
        return {} if self.ttl is None else {EXPIRES: now + self.ttl * _MINUTE}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def namespace_hash(namespace: Sequence[str]) -> str:
    """Return the hash of a namespace, or of a prefix of one."""
    return _hash(list(namespace))


def namespace_row(namespace: Sequence[str]) -> str:
    """Return the id of the row that lists a namespace."""
    return f"{namespace_hash(namespace)}/"


def item_row(namespace: Sequence[str], key: str) -> str:
    """Return the id of an item's first row."""
    return f"{namespace_hash(namespace)}-{_hash(key)}"


def vector_rows(item: str, count: int) -> list[str]:
    """Return the ids of all rows of an item that takes `count` of them."""
    return [item, *(f"{item}#{n}" for n in range(1, count))]


def item_id(row: str) -> str | None:
    """Return the id of the item that a row belongs to, None for the row of a namespace."""
    return None if is_namespace_row(row) else row.partition("#")[0]


def is_namespace_row(row: str) -> bool:
    """Tell whether a row lists a namespace."""
    return row.endswith("/")


def namespace_metadata(namespace: Namespace) -> Metadata:
    """Return the metadata of the row that lists a namespace; `bare` marks every row without a vector of its own."""
    ends = tuple(reversed(namespace))
    return {"space": True, "bare": True, **_hashes("s", namespace), **_hashes("e", ends)}


def namespace_document(namespace: Namespace) -> str:
    """Return the document of the row that lists a namespace."""
    return json.dumps(list(namespace))


def parse_namespace(document: str) -> Namespace:
    """Return the namespace that the document of its row holds."""
    return tuple(json.loads(document))


def namespace_clause(path: Sequence[str], suffix: bool) -> Clause | None:
    """Return the condition on the rows of namespaces that begin, or end, with a path; None for an empty path."""
    labels = tuple(reversed(path)) if suffix else tuple(path)
    return {f"{'e' if suffix else 's'}{len(labels)}": namespace_hash(labels)} if labels else None


def is_item_row(row: str) -> bool:
    """Tell whether a row is the first of an item."""
    return "#" not in row and not is_namespace_row(row)


def where(prefix: Sequence[str], wanted: Mapping[str, Any] | None = None, *more: Clause) -> Clause | None:
    """Return the condition on the rows under a namespace prefix that may pass a filter."""
    within: list[Clause] = [{f"p{len(prefix)}": namespace_hash(prefix)}] if prefix else []
    return all_of([*within, *clauses(wanted), *more])


def all_of(conditions: Sequence[Clause]) -> Clause | None:
    """Return the condition that all of some hold, None where there are none."""
    return {"$and": list(conditions)} if len(conditions) > 1 else (conditions[0] if conditions else None)


def _hashes(name: str, labels: Namespace) -> Metadata:
    return {f"{name}{depth}": namespace_hash(labels[:depth]) for depth in range(1, len(labels) + 1)}


def _hash(held: object) -> str:
    return hashlib.sha256(json.dumps(held).encode()).hexdigest()[:32]
