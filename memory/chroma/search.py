"""Search: which items lie under a prefix, pass a filter, and come next to a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langgraph.store.base import SearchOp

from .client.row_access import RowData, Table, alive
from .embedding import BLANK_LENGTH, Vector
from .filters import Clause, matches
from .rows import Record, is_item_row, item_id, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ranking: TypeAlias = list[tuple[str, float | None]]
"""Items, best first, with their score; None where there is nothing to compare."""

Hit: TypeAlias = tuple[Record, float | None]
"""An item that a search found, with its score."""

_WHOLE = 16
"""Rows that are cheaper read whole than first their vectors and then the items of the page."""
_FEW = 1000
_EXACT = 5000
_CHUNK = 256


async def search(table: Table, op: SearchOp, vector: Vector | None) -> list[Hit]:
    """Return one page of the items that an op asks for.

    Chroma narrows the rows to those under the prefix that may pass the filter; what a filter means beyond
    that (nesting, lists, long texts) is judged on the items themselves, page by page.

    With a vector the most similar come first and items without a vector last; without one the
    newest come first. Up to 5,000 rows under the prefix are compared one by one: Chroma's graph is slower
    on a filtered few, and where many vectors are equal ("yes", "thanks") it does not reach all others.
    Beyond that the graph is asked, for more and more rows until the page is full.
    """
    condition = where(op.namespace_prefix, op.filter)
    if vector is None:
        items = [row for row in reversed(await table.ids(condition)) if is_item_row(row)]
        return await _page(table, op, [(item, None) for item in items])
    page = await _compared(table, op, condition, vector)
    if page is not None:
        return page
    few = len(await table.ids(condition, _EXACT + 1)) <= _EXACT
    ranking = await _all(table, condition, vector) if few else None
    count = 2 * (op.offset + op.limit)
    while ranking is None:
        near = await table.nearest(condition, vector, count)
        if len(near) < count:
            ranking = await _all(table, condition, vector)
            break
        page = await _page(table, op, _best(near))
        if len(page) == op.limit:
            return page
        count *= 4
    return await _page(table, op, ranking)


async def _compared(table: Table, op: SearchOp, condition: Clause | None, vector: Vector) -> list[Hit] | None:
    """Return the page of the exact ranking, None where there are too many rows to read all their vectors at once.

    Few rows are read whole, in one call. Of more the items are a call of their own, those of the page alone.
    """
    held: RowData | None = None
    if table.is_crowded(op.namespace_prefix):
        rows, vectors = await table.vectors(condition, _FEW + 1)
    else:
        vectors, held = await table.rows_with_vectors(condition, _FEW + 1)
        rows = list(held)
        if len(rows) > _WHOLE:
            table.crowd(op.namespace_prefix)
    if len(rows) > _FEW:
        return None
    return await _page(table, op, _ranked(list(zip(rows, _cosine(vectors, vector), strict=True))), held)


async def _page(table: Table, op: SearchOp, ranking: Ranking, held: RowData | None = None) -> list[Hit]:
    """Return the page of a ranking; items that are passed over, filtered out or expired, do not count.

    What is not held is read, as much as the page takes.
    """
    offset, limit = max(0, op.offset), max(0, op.limit)
    if not op.filter and offset:
        gone = set(await table.expired())
        ranking, offset = [one for one in ranking if one[0] not in gone][offset:], 0
    kept: list[Hit] = []
    size = _CHUNK if op.filter else max(1, limit)
    for start in range(0, len(ranking) if limit else 0, size):
        some = ranking[start : start + size]
        rows = [item for item, _ in some]
        read = {row: held[row] for row in rows if row in held} if held else await table.get(rows)
        kept += _passing(op, some, alive(read))
        if len(kept) >= offset + limit:
            break
    return kept[offset : offset + limit]


def _passing(op: SearchOp, ranking: Ranking, records: Mapping[str, Record]) -> list[Hit]:
    held = ((records[item], score) for item, score in ranking if item in records)
    return [(record, score) for record, score in held if matches(record.value, op.filter)]


async def _all(table: Table, condition: Clause | None, vector: Vector) -> Ranking:
    scored: list[tuple[str, float | None]] = []
    async for rows, vectors in table.all_vectors(condition):
        scored += zip(rows, _cosine(vectors, vector), strict=True)
    return _ranked(scored)


def _ranked(scored: Sequence[tuple[str, float | None]]) -> Ranking:
    rows = scored[::-1]
    near = sorted(((row, score) for row, score in rows if score is not None), key=lambda one: -one[1])
    ranking = _best(near)
    seen = {item for item, _ in ranking}
    return ranking + [(row, None) for row, score in rows if score is None and is_item_row(row) and row not in seen]


def _best(near: Iterable[tuple[str, float]]) -> Ranking:
    """Return each item once, with the score of its best vector."""
    best: dict[str, float | None] = {}
    for row, score in near:
        item = item_id(row)
        if item is not None:
            best.setdefault(item, score)
    return list(best.items())


def _cosine(vectors: NDArray[Any], query: Vector) -> Sequence[float | None]:
    """Return the similarity of each row; None for a blank."""
    import numpy as np

    if not len(vectors):
        return []
    asked = np.asarray(query, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    scale = lengths * np.linalg.norm(asked)
    scores = np.divide(vectors @ asked, scale, out=np.zeros(len(scale)), where=scale > 0)
    blanks = (lengths < 2 * BLANK_LENGTH).tolist()
    return [None if none else score for score, none in zip(scores.tolist(), blanks, strict=True)]
