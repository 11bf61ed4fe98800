"""The ops of one call: check them, answer its reads, apply its writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Self, TypeAlias

from langgraph.store.base import GetOp, ListNamespacesOp, Op, PutOp, Result, SearchOp, validate_op_namespace

from ...contract import StoreError
from .client.row_access import Row, RowData, Table
from .embedding import Index, Vector, Vectors
from .filters import MAX_DEPTH, check_filter, is_too_deep
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
from .search import Hit, has_items, list_namespaces, search
from .ttl import is_expired, now

ItemTimes: TypeAlias = Mapping[tuple[Namespace, str], Times]
"""Times of creation and change to be stored with items, by namespace and key; the present for all others."""

NO_TIMES: ItemTimes = {}
"""The present for all items."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The ops of one call, checked."""

    ops: Sequence[Op]
    """All of them, in their order."""
    puts: Sequence[PutOp]
    """The last write of each item."""
    searches: Sequence[SearchOp]
    """The searches among them."""

    @classmethod
    def from_ops(cls, ops: Iterable[Op]) -> Self:
        """Return the batch of some ops.

        Raises:
            ValueError: If one is not an op, or has a namespace, a filter or a time to live that no store knows.
            StoreError: If a value is nested too deep.
        """
        ops = list(ops)
        for op in ops:
            _check(op)
        last_puts = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        return cls(ops, list(last_puts.values()), [op for op in ops if isinstance(op, SearchOp)])

    @property
    def has_reads(self) -> bool:
        """Whether any op has a result."""
        return any(not isinstance(op, PutOp) for op in self.ops)

    @property
    def written_namespaces(self) -> set[Namespace]:
        """The namespaces of the puts."""
        return {put.namespace for put in self.puts}


def _check(op: Op) -> None:
    if not isinstance(op, GetOp | SearchOp | PutOp | ListNamespacesOp):
        raise ValueError(f"Unknown operation type: {type(op)}")
    validate_op_namespace(op)
    if isinstance(op, SearchOp):
        check_filter(op.filter)
    if isinstance(op, PutOp) and is_too_deep(op.value):
        raise StoreError(
            f"The value of {op.key!r} in {op.namespace} cannot be stored: it is nested deeper than {MAX_DEPTH} levels."
        )
    if isinstance(op, PutOp) and not _is_ttl(op.ttl):
        raise ValueError(f"The time to live of {op.key!r} is {op.ttl!r}; give minutes as a number, or None for ever.")


def _is_ttl(ttl: object) -> bool:
    return ttl is None or (isinstance(ttl, int | float) and not isinstance(ttl, bool) and math.isfinite(ttl))


async def read_items(table: Table, ops: Sequence[Op], vectors: Vectors) -> list[Result]:
    """Return the results of ops in their order, None for a write, as things are before the batch's writes.

    The time to live of the items that were read begins again, unless an op says otherwise. Single items are read
    beside what the searches read.
    """
    gets = {number: op for number, op in enumerate(ops) if isinstance(op, GetOp)}
    rows = {number: item_row(op.namespace, op.key) for number, op in gets.items()}
    table.await_items({rows[number]: op.namespace for number, op in gets.items()})
    hits_by_op = {
        number: await _search(table, op, vectors) for number, op in enumerate(ops) if isinstance(op, SearchOp)
    }
    records = await table.records(list(rows.values())) if rows else {}
    results: list[Result] = []
    to_refresh: list[Record] = []
    for number, op in enumerate(ops):
        if isinstance(op, GetOp):
            record = records.get(rows[number])
            results.append(record.item() if record else None)
            to_refresh += [record] if record and op.refresh_ttl else []
        elif isinstance(op, SearchOp):
            hits = hits_by_op[number]
            results.append([record.search_item(score) for record, score in hits])
            to_refresh += [record for record, _ in hits] if op.refresh_ttl else []
        elif isinstance(op, ListNamespacesOp):
            results.append(list(await list_namespaces(table, op)))
        else:
            results.append(None)
    await _refresh(table, to_refresh)
    return results


async def _search(table: Table, op: SearchOp, vectors: Vectors) -> list[Hit]:
    return await search(table, op, vectors.queries.get(op.query or ""))


async def _refresh(table: Table, records: Iterable[Record]) -> None:
    """Let the time to live of records that have one begin again.

    Nothing is locked: a put that comes between may be given the expiry of the version before it, but only
    what the stored item says may expire is ever swept.
    """
    time = now()
    await table.update_metadata(
        {
            item_row(record.namespace, record.key): record.expiry_metadata(time)
            for record in records
            if record.ttl is not None
        }
    )


async def write_items(
    table: Table,
    puts: Iterable[PutOp],
    index: Index | None,
    vectors: Vectors,
    times: ItemTimes = NO_TIMES,
) -> None:
    """Write a batch that names each item once: one write of Chroma for all puts, one for all deletes.

    The creation time of an item that exists and has not expired is kept, unless `times` say another.
    """
    puts = list(puts)
    namespaces = list(dict.fromkeys(put.namespace for put in puts))
    stored = await table.get([*(item_row(put.namespace, put.key) for put in puts), *map(namespace_row, namespaces)])
    filled = dict.fromkeys(put.namespace for put in puts if put.value is not None)
    rows = [
        Row(namespace_row(namespace), namespace_document(namespace), namespace_metadata(namespace), None)
        for namespace in filled
        if namespace_row(namespace) not in stored
    ]
    for put in puts:
        rows += _item_rows(put, stored, _put_vectors(put, index, vectors), times.get((put.namespace, put.key)))
    await table.write(rows)
    emptied = [namespace for namespace in namespaces if namespace not in filled and namespace_row(namespace) in stored]
    await table.delete(await _deleted_rows(table, puts, stored, emptied))


def _put_vectors(put: PutOp, index: Index | None, vectors: Vectors) -> list[Vector]:
    of_texts = [vectors.texts[text] for text in index.texts(put)] if index else []
    return [vector for vector in of_texts if any(vector)]


def _item_rows(put: PutOp, stored: RowData, vectors: Sequence[Vector], times: Times | None) -> list[Row]:
    """Return the rows of one item; an upsert merges metadata, so keys of the old version are set to None."""
    if put.value is None:
        return []
    first = item_row(put.namespace, put.key)
    old_metadata, old_document = stored.get(first, ({}, None))
    old = Record.from_row(old_metadata, old_document) if first in stored else None
    if times is None:
        time = datetime.now(UTC).isoformat()
        times = Times(old.created if old and not is_expired(old_metadata) else time, time)
    count = max(1, len(vectors), old.rows if old else 0)
    record = Record(put.namespace, put.key, dict(put.value), times.created, times.updated, count, put.ttl)
    metadata = {**dict.fromkeys(old_metadata), **record.filter_metadata()}
    rows = [
        Row(row, None, {**metadata, "bare": True if vector is None else None}, vector)
        for row, vector in zip_longest(vector_rows(first, count), vectors)
    ]
    first_metadata = {**rows[0].metadata, ITEM: record.as_json(), **record.expiry_metadata(now())}
    # An item that was stored as a document, in an older format, no longer is.
    rows[0] = Row(first, "" if old_document else None, first_metadata, rows[0].vector)
    return rows


async def _deleted_rows(
    table: Table, puts: Sequence[PutOp], stored: RowData, namespaces: Sequence[Namespace]
) -> list[str]:
    """Return the rows of the deleted items, and of those namespaces in which nothing is left."""
    deleted: list[str] = []
    for put in puts:
        first = item_row(put.namespace, put.key)
        if put.value is None and first in stored:
            deleted += vector_rows(first, Record.from_row(*stored[first]).rows)
    items = {row for row in deleted if is_item_row(row)}
    empty = [namespace for namespace in namespaces if not await has_items(table, namespace, items)]
    return deleted + [namespace_row(namespace) for namespace in empty]
