"""Search: which items are under a prefix, pass a filter, and are nearest to a query; and which namespaces there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

from langgraph.store.base import ListNamespacesOp, MatchCondition, SearchOp

from .client.row_access import RowData, Table, unexpired
from .embedding import PLACEHOLDER_LENGTH, Vector
from .filters import Clause, matches
from .rows import (
    Namespace,
    Record,
    conjunction,
    is_item_row,
    item_id,
    namespace_clause,
    namespace_hash,
    parse_namespace,
    prefix_clause,
    where,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ranking: TypeAlias = list[tuple[str, float | None]]
"""Items, best first, with their score; None where there is nothing to compare."""

Hit: TypeAlias = tuple[Record, float | None]
"""An item that a search found, with its score."""

_MAX_ROWS_READ_AT_ONCE = 16
"""Rows up to which one call for vectors and items is cheaper than a call for vectors, then one for the page's items."""
_MAX_VECTORS_READ_AT_ONCE = 1000
"""Rows up to which all vectors are read in one call and compared exactly."""
_MAX_EXACT = 5000
"""Rows up to which all vectors are compared exactly, in several calls; beyond, the HNSW index is asked."""
_FILTER_PAGE = 256
"""Items that are read at once where each is still to be judged by a filter."""
_GROWTH = 4
"""Factor by which more rows are asked of the HNSW index when the page is not full."""


async def search(table: Table, op: SearchOp, vector: Vector | None) -> list[Hit]:
    """Return one page of the items that an op asks for.

    Chroma narrows the rows to those under the prefix that may pass the filter; what a filter means beyond
    that (nesting, lists, long texts) is judged on the items themselves, page by page.

    With a vector the most similar come first and items without a vector last; without one the
    newest come first. Up to 5,000 rows under the prefix are compared one by one: Chroma's HNSW index is slower
    on a filtered few, and where many vectors are equal ("yes", "thanks") it does not reach all others.
    Beyond that the index is asked, for more and more rows until the page is full.
    """
    condition = where(op.namespace_prefix, op.filter)
    if vector is None:
        items = [row for row in reversed(await table.ids(condition)) if is_item_row(row)]
        return await _page(table, op, [(item, None) for item in items])
    page = await _compare_few(table, op, condition, vector)
    if page is not None:
        return page
    is_exact = len(await table.ids(condition, _MAX_EXACT + 1)) <= _MAX_EXACT
    ranking = await _compare_all(table, condition, vector) if is_exact else None
    count = 2 * (op.offset + op.limit)
    while ranking is None:
        nearest = await table.nearest(condition, vector, count)
        if len(nearest) < count:
            ranking = await _compare_all(table, condition, vector)
            break
        page = await _page(table, op, _best_per_item(nearest))
        if len(page) == op.limit:
            return page
        count *= _GROWTH
    return await _page(table, op, ranking)


async def _compare_few(table: Table, op: SearchOp, condition: Clause | None, vector: Vector) -> list[Hit] | None:
    """Return the page of the exact ranking, None where there are too many rows to read all their vectors at once.

    Few rows are read with their items, in one call. Of more the items are a call of their own, for the page alone.
    """
    data: RowData | None = None
    if table.is_large(op.namespace_prefix):
        rows, vectors = await table.vectors(condition, _MAX_VECTORS_READ_AT_ONCE + 1)
    else:
        vectors, data = await table.rows_with_vectors(condition, _MAX_VECTORS_READ_AT_ONCE + 1)
        rows = list(data)
        if len(rows) > _MAX_ROWS_READ_AT_ONCE:
            table.mark_large(op.namespace_prefix)
    if len(rows) > _MAX_VECTORS_READ_AT_ONCE:
        return None
    if data is not None and not op.filter:
        table.take_all(op.namespace_prefix, data)
    return await _page(table, op, _rank(list(zip(rows, cosine(vectors, vector), strict=True))), data)


async def _page(table: Table, op: SearchOp, ranking: Ranking, data: RowData | None = None) -> list[Hit]:
    """Return the page of a ranking, not counting items that are filtered out or have expired.

    Rows whose data are not given are read, as many as the page takes.
    """
    offset, limit = max(0, op.offset), max(0, op.limit)
    if not op.filter and offset:
        expired = set(await table.expired())
        ranking, offset = [(item, score) for item, score in ranking if item not in expired][offset:], 0
    hits: list[Hit] = []
    size = _FILTER_PAGE if op.filter else max(1, limit)
    for start in range(0, len(ranking) if limit else 0, size):
        part = ranking[start : start + size]
        rows = [item for item, _ in part]
        part_data = {row: data[row] for row in rows if row in data} if data else await table.get(rows)
        hits += _matching(op, part, unexpired(part_data))
        if len(hits) >= offset + limit:
            break
    return hits[offset : offset + limit]


def _matching(op: SearchOp, ranking: Ranking, records: Mapping[str, Record]) -> list[Hit]:
    hits = ((records[item], score) for item, score in ranking if item in records)
    return [(record, score) for record, score in hits if matches(record.value, op.filter)]


async def _compare_all(table: Table, condition: Clause | None, vector: Vector) -> Ranking:
    scores: list[tuple[str, float | None]] = []
    async for rows, vectors in table.all_vectors(condition):
        scores += zip(rows, cosine(vectors, vector), strict=True)
    return _rank(scores)


def _rank(scores: Sequence[tuple[str, float | None]]) -> Ranking:
    """Return the items of scored rows, oldest first: best first, of equals the newest, then those without a score."""
    newest_first = scores[::-1]
    with_score = ((row, score) for row, score in newest_first if score is not None)
    ranking = _best_per_item(sorted(with_score, key=lambda row_and_score: -row_and_score[1]))
    seen = {item for item, _ in ranking}
    without_score = (row for row, score in newest_first if score is None and is_item_row(row) and row not in seen)
    return ranking + [(row, None) for row in without_score]


def _best_per_item(scores: Iterable[tuple[str, float]]) -> Ranking:
    """Return each item of scored rows, best first, once with the score of its best vector."""
    best: dict[str, float | None] = {}
    for row, score in scores:
        item = item_id(row)
        if item is not None:
            best.setdefault(item, score)
    return list(best.items())


def cosine(vectors: NDArray[Any], query: Vector) -> Sequence[float | None]:
    """Return the cosine similarity of each row's vector and the query; None for a placeholder."""
    import numpy as np

    if not len(vectors):
        return []
    query_vector = np.asarray(query, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    scale = lengths * np.linalg.norm(query_vector)
    cosines = np.divide(vectors @ query_vector, scale, out=np.zeros(len(scale)), where=scale > 0)
    is_placeholder = lengths < 2 * PLACEHOLDER_LENGTH
    return [
        None if missing else cosine for cosine, missing in zip(cosines.tolist(), is_placeholder.tolist(), strict=True)
    ]


async def list_namespaces(table: Table, op: ListNamespacesOp) -> list[Namespace]:
    """Return one page of the namespaces that an op asks for, sorted.

    Chroma narrows them by the labels before the first wildcard of a prefix, or after the last of a suffix;
    the rest of each condition, the depth and the page are worked out here. What holds nothing but expired items
    is left out.
    """
    conditions = op.match_conditions or ()
    clauses = [clause for condition in conditions if (clause := _clause(condition)) is not None]
    listed = map(parse_namespace, await table.documents(conjunction([{"space": True}, *clauses])))
    matching = [namespace for namespace in listed if all(_matches(namespace, condition) for condition in conditions)]
    shortened = {namespace[: op.max_depth] for namespace in await _without_expired(table, matching)}
    return sorted(shortened)[op.offset : op.offset + op.limit]


async def has_items(table: Table, namespace: Namespace, ignored_rows: Collection[str]) -> bool:
    """Return whether a namespace itself, not one below it, has items whose first rows are not among the ignored."""
    under, row_prefix = prefix_clause(namespace), f"{namespace_hash(namespace)}-"

    def is_other_item(row: str) -> bool:
        return row.startswith(row_prefix) and is_item_row(row) and row not in ignored_rows

    # One of the first rows usually decides; only otherwise are those of the namespaces below looked through.
    first_rows = await table.ids(under, limit=len(ignored_rows) + 1)
    if any(map(is_other_item, first_rows)):
        return True
    return len(first_rows) > len(ignored_rows) and any(map(is_other_item, await table.ids(under)))


async def _without_expired(table: Table, namespaces: Sequence[Namespace]) -> list[Namespace]:
    """Return the namespaces that have an item that has not expired."""
    expired = set(await table.expired()) if namespaces else set()
    affected = {row.partition("-")[0] for row in expired}
    return [
        namespace
        for namespace in namespaces
        if namespace_hash(namespace) not in affected or await has_items(table, namespace, expired)
    ]


def _clause(condition: MatchCondition) -> Clause | None:
    is_suffix = condition.match_type == "suffix"
    path = tuple(reversed(condition.path)) if is_suffix else tuple(condition.path)
    literal = tuple(takewhile(lambda label: label != "*", path))
    return namespace_clause(tuple(reversed(literal)) if is_suffix else literal, is_suffix)


def _matches(namespace: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    labels = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(pattern in ("*", label) for label, pattern in zip(labels, path, strict=True))
