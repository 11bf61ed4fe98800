"""Reading: the answers to a batch of ops, as things stand before its writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langgraph.store.base import GetOp, ListNamespacesOp, Op, Result, SearchOp

from .client.row_access import Table
from .embedding import Vectors
from .expiry import now
from .namespaces import list_namespaces
from .rows import Record, item_row
from .search import search


async def read(table: Table, ops: Sequence[Op], vectors: Vectors) -> list[Result]:
    """Return the results of ops in their order, None for a write; what was read and expires lives on anew."""
    gets = [item_row(op.namespace, op.key) for op in ops if isinstance(op, GetOp)]
    records = await table.records(gets)
    results: list[Result] = []
    seen: list[Record] = []
    for op in ops:
        if isinstance(op, GetOp):
            record = records.get(item_row(op.namespace, op.key))
            results.append(record.item() if record else None)
            seen += [record] if record and op.refresh_ttl else []
        elif isinstance(op, SearchOp):
            hits = await search(table, op, vectors.queries.get(op.query or ""))
            results.append([record.search_item(score) for record, score in hits])
            seen += [record for record, _ in hits] if op.refresh_ttl else []
        elif isinstance(op, ListNamespacesOp):
            results.append(list(await list_namespaces(table, op)))
        else:
            results.append(None)
    await _refresh(table, seen)
    return results


async def _refresh(table: Table, records: Iterable[Record]) -> None:
    """Let the time of records that expire begin again.

    Nothing is locked: a put that comes between may be given the time of the version before it, but only
    what the document of an item says may expire is ever swept.
    """
    time = now()
    marks = {item_row(one.namespace, one.key): one.expires(time) for one in records if one.ttl is not None}
    await table.update_metadata(marks)
