"""How an item is stored in Chroma: which rows, under which ids, with which metadata.

| row | id | content | vector |
|---|---|---|---|
| item | `<namespace>-<key>` | the item as JSON, in the metadata `item` | its first, or a placeholder |
| further vector of an item | `<namespace>-<key>#<n>` | nothing | the n-th, or a placeholder |
| namespace | `<namespace>/` | its labels as JSON, as document | a placeholder |

`<namespace>` and `<key>` are hashes, so that any text may be a label or a key. Each row of an item
carries the hash of every prefix of its namespace (`p1`, `p2`, ...), so a prefix search is one equality; the
row of a namespace carries those of its prefixes and suffixes under other names (`s1`, `e1`, ...). The first
row of an item that expires says when (`expires`). An item keeps its rows as long as it lives, with placeholders where
it has fewer vectors than before, so that a put is one write of Chroma: all of it or nothing.
Chroma requires a vector in every row; a placeholder is next to zero in length, in an arbitrary direction,
since rows of equal vectors make Chroma's HNSW index slow and tear it apart. An item is not a document, because Chroma
indexes documents for a search by parts of words, which is never made. Rows of the earlier formats (see
`client.open_collection`) have it as one all the same, until they are written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from langgraph.store.base import Item, SearchItem

from ...contract import StoreError
from .filters import Clause, filter_metadata, prefilter

Namespace: TypeAlias = tuple[str, ...]
Metadata: TypeAlias = dict[str, str | int | float | bool | None]

EXPIRES = "expires"
"""Name of the metadata that says when an item expires, in seconds since 1970."""

ITEM = "item"
"""Name of the metadata that holds an item as JSON."""

_SECONDS_PER_MINUTE = 60.0
_HASH_LENGTH = 32
"""Hexadecimal digits of a hash: 128 bits."""


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
            StoreError: If JSON cannot hold the value.
        """
        fields = [list(self.namespace), self.key, self.value, self.created, self.updated, self.rows]
        if self.ttl is not None:
            fields.append(self.ttl)
        try:
            text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(
                f"The value of {self.key!r} in {self.namespace} cannot be stored: {error}. Give a value of "
                "mappings, lists, texts, numbers, booleans and None."
            ) from error
        return text if _is_unicode(text) else json.dumps(fields)

    @classmethod
    def from_row(cls, metadata: Metadata, document: str | None) -> Record:
        """Return the record of an item's first row, from its metadata or, in earlier formats, its document."""
        namespace, *fields = json.loads(str(metadata.get(ITEM) or document))
        return cls(tuple(namespace), *fields)

    def item(self) -> Item:
        """Return the record as LangGraph's item."""
        return Item(
            value=self.value,
            key=self.key,
            namespace=self.namespace,
            created_at=datetime.fromisoformat(self.created),
            updated_at=datetime.fromisoformat(self.updated),
        )

    def search_item(self, score: float | None) -> SearchItem:
        """Return the record as a search result."""
        created, updated = datetime.fromisoformat(self.created), datetime.fromisoformat(self.updated)
        return SearchItem(self.namespace, self.key, self.value, created, updated, score)

    def filter_metadata(self) -> Metadata:
        """Return the metadata by which Chroma can filter all rows of this record."""
        return {**_prefix_hashes("p", self.namespace), **filter_metadata(self.value)}

    def expiry_metadata(self, now: float) -> Metadata:
        """Return the metadata that says when this record expires, counted from now; empty if it never does."""
        return {} if self.ttl is None else {EXPIRES: now + self.ttl * _SECONDS_PER_MINUTE}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def namespace_hash(namespace: Sequence[str]) -> str:
    """Return the hash of a namespace, or of a prefix of one; an op needs it several times."""
    return _namespace_hash(tuple(namespace))


@lru_cache(maxsize=1024)
def _namespace_hash(namespace: Namespace) -> str:
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
    """Return whether a row lists a namespace."""
    return row.endswith("/")


def is_item_row(row: str) -> bool:
    """Return whether a row is the first of an item."""
    return "#" not in row and not is_namespace_row(row)


def namespace_metadata(namespace: Namespace) -> Metadata:
    """Return the metadata of the row that lists a namespace; `bare` marks every row without a vector of its own."""
    backwards = tuple(reversed(namespace))
    return {"space": True, "bare": True, **_prefix_hashes("s", namespace), **_prefix_hashes("e", backwards)}


def namespace_document(namespace: Namespace) -> str:
    """Return the document of the row that lists a namespace."""
    return json.dumps(list(namespace))


def parse_namespace(document: str) -> Namespace:
    """Return the namespace from the document of its row."""
    return tuple(json.loads(document))


def namespace_clause(path: Sequence[str], is_suffix: bool) -> Clause | None:
    """Return the condition on the rows of namespaces that begin, or end, with a path; None for an empty path."""
    labels = tuple(reversed(path)) if is_suffix else tuple(path)
    return {f"{'e' if is_suffix else 's'}{len(labels)}": namespace_hash(labels)} if labels else None


def prefix_clause(prefix: Sequence[str]) -> Clause:
    """Return the condition on the rows of items under a namespace prefix, which must not be empty."""
    return {f"p{len(prefix)}": namespace_hash(prefix)}


def where(prefix: Sequence[str], conditions: Mapping[str, Any] | None = None) -> Clause | None:
    """Return the condition on the rows under a namespace prefix that may pass a filter; None for no condition."""
    return conjunction([*([prefix_clause(prefix)] if prefix else []), *prefilter(conditions)])


def conjunction(clauses: Sequence[Clause]) -> Clause | None:
    """Return the conjunction of some conditions, None where there are none."""
    return {"$and": list(clauses)} if len(clauses) > 1 else (clauses[0] if clauses else None)


def _prefix_hashes(name: str, labels: Namespace) -> Metadata:
    return {f"{name}{depth}": namespace_hash(labels[:depth]) for depth in range(1, len(labels) + 1)}


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_HASH_LENGTH]
