"""Writing: one batch of puts and deletes, with the rows that they leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from langgraph.store.base import PutOp

from .client.row_access import Row, RowData, Table
from .embedding import Index, Vector, Vectors
from .expiry import is_expired, now
from .namespaces import holds_items
from .rows import (
    ITEM,
    Namespace,
    Record,
    Times,
    is_item_row,
    item_row,
    namespace_document,
    namespace_metadata,
    namespace_row,
    vector_rows,
)

NO_TIMES: Mapping[tuple[Namespace, str], Times] = {}
"""Every item is written now."""


async def apply(
    table: Table,
    puts: Iterable[PutOp],
    index: Index | None,
    vectors: Vectors,
    times: Mapping[tuple[Namespace, str], Times] = NO_TIMES,
) -> None:
    """Write a batch in which each item stands once: one write of Chroma for all puts, one for all deletes.

    The creation time of an item that exists and has not expired is kept, unless `times` say another.
    """
    puts = list(puts)
    spaces = list(dict.fromkeys(put.namespace for put in puts))
    held = await table.get([*(item_row(put.namespace, put.key) for put in puts), *map(namespace_row, spaces)])
    kept = dict.fromkeys(put.namespace for put in puts if put.value is not None)
    rows = [
        Row(namespace_row(space), namespace_document(space), namespace_metadata(space), None)
        for space in kept
        if namespace_row(space) not in held
    ]
    for put in puts:
        rows += _rows(put, held, _vectors_of(put, index, vectors), times.get((put.namespace, put.key)))
    await table.write(rows)
    emptied = [space for space in spaces if space not in kept and namespace_row(space) in held]
    await table.delete(await _gone(table, puts, held, emptied))


def _vectors_of(put: PutOp, index: Index | None, vectors: Vectors) -> list[Vector]:
    found = [vectors.texts[text] for text in index.texts(put)] if index else []
    return [vector for vector in found if any(vector)]


def _rows(put: PutOp, held: RowData, vectors: Sequence[Vector], times: Times | None) -> list[Row]:
    """Return the rows of one item; an upsert merges metadata, so keys of the old version are set to None."""
    if put.value is None:
        return []
    first = item_row(put.namespace, put.key)
    stale, document = held.get(first, ({}, None))
    old = Record.of(stale, document) if first in held else None
    if times is None:
        time = datetime.now(UTC).isoformat()
        times = Times(old.created if old and not is_expired(stale) else time, time)
    count = max(1, len(vectors), old.rows if old else 0)
    record = Record(put.namespace, put.key, dict(put.value), times.created, times.updated, count, put.ttl)
    metadata = {**dict.fromkeys(stale), **record.metadata()}
    rows = [
        Row(row, None, {**metadata, "bare": True if vector is None else None}, vector)
        for row, vector in zip_longest(vector_rows(first, count), vectors)
    ]
    whole = {**rows[0].metadata, ITEM: record.as_json(), **record.expires(now())}
    # An item that lay there as a document, as of old, does so no more.
    rows[0] = Row(first, "" if document else None, whole, rows[0].vector)
    return rows


async def _gone(table: Table, puts: Sequence[PutOp], held: RowData, spaces: Sequence[Namespace]) -> list[str]:
    """Return the rows of the deleted items, and of those namespaces in which nothing is left."""
    gone: list[str] = []
    for put in puts:
        first = item_row(put.namespace, put.key)
        if put.value is None and first in held:
            gone += vector_rows(first, Record.of(*held[first]).rows)
    items = {row for row in gone if is_item_row(row)}
    return gone + [namespace_row(space) for space in spaces if not await holds_items(table, space, items)]
