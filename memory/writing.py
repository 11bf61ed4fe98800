"""Writing: one batch of puts and deletes, with the rows that they leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from langgraph.store.base import PutOp

from .index import Index, Vector, Vectors
from .rows import SPACE, Metadata, Namespace, Record, item_row, space_hash, space_row, vector_rows
from .table import Row, Table

Held: TypeAlias = dict[str, tuple[str, Metadata]]


def apply(table: Table, puts: Iterable[PutOp], index: Index | None, vectors: Vectors) -> None:
    """Write a batch in which each item stands once: all new rows first, then what is left over goes.

    The creation time of an item that exists is kept.
    """
    puts = list(puts)
    kept = [put for put in puts if put.value is not None]
    spaces = list(dict.fromkeys(put.namespace for put in kept))
    held = table.get([*(item_row(put.namespace, put.key) for put in puts), *map(space_row, spaces)])
    now = datetime.now(UTC).isoformat()
    rows = [
        Row(space_row(space), _space_document(space), SPACE, None) for space in spaces if space_row(space) not in held
    ]
    left: list[str] = []
    for put in puts:
        new = _rows(put, held, now, _vectors_of(put, index, vectors))
        rows += new
        left += _leftover(put, held, len(new))
    table.write(rows)
    table.delete(left)
    _drop_empty(table, {put.namespace for put in puts if put.value is None} - set(spaces))


def _vectors_of(put: PutOp, index: Index | None, vectors: Vectors) -> list[Vector]:
    found = [vectors.texts[text] for text in index.texts(put)] if index else []
    return [vector for vector in found if any(vector)]


def _rows(put: PutOp, held: Held, now: str, vectors: Sequence[Vector]) -> list[Row]:
    """Return the rows of one item; an upsert merges metadata, so keys of the old version are set to None."""
    if put.value is None:
        return []
    first = item_row(put.namespace, put.key)
    old, stale = held.get(first, (None, {}))
    created = Record.parse(old).created if old else now
    record = Record(put.namespace, put.key, dict(put.value), created, now, max(1, len(vectors)))
    metadata: Metadata = {**dict.fromkeys(stale), **record.metadata(bare=not vectors)}
    ids = vector_rows(first, record.rows)
    return [
        Row(ids[0], record.document(), metadata, vectors[0] if vectors else None),
        *(Row(row, "", metadata, vector) for row, vector in zip(ids[1:], vectors[1:], strict=True)),
    ]


def _leftover(put: PutOp, held: Held, count: int) -> list[str]:
    first = item_row(put.namespace, put.key)
    old, _ = held.get(first, (None, {}))
    return vector_rows(first, Record.parse(old).rows)[count:] if old else []


def _drop_empty(table: Table, spaces: Iterable[Namespace]) -> None:
    """Take the namespaces off the list in which nothing is left."""
    gone = [space_row(space) for space in spaces if not _holds_items(table, space)]
    table.delete(gone)


def _holds_items(table: Table, space: Namespace) -> bool:
    under, own = {f"p{len(space)}": space_hash(space)}, f"{space_hash(space)}-"
    some = table.ids(under, limit=1)
    return any(row.startswith(own) for row in some) or (
        bool(some) and any(row.startswith(own) for row in table.ids(under))
    )


def _space_document(space: Namespace) -> str:
    return json.dumps(list(space))
