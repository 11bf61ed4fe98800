"""Search: which items lie under a prefix, pass a filter, and come next to a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langgraph.store.base import SearchItem, SearchOp

from .filters import Clause, matches
from .index import BLANK_LENGTH, Vector
from .rows import is_item, item_of, where
from .table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ranking: TypeAlias = list[tuple[str, float | None]]
"""Items, best first, with their score; None where there is nothing to compare."""

_FEW = 1000
_EXACT = 5000
_CHUNK = 256


def search(table: Table, op: SearchOp, vector: Vector | None) -> list[SearchItem]:
    """Return one page of the items that an op asks for.

    With a vector the most similar come first and items without a vector last; without one the
    newest come first. Up to 5,000 rows under the prefix are compared one by one: Chroma's graph is slower
    on a filtered few, and where many vectors are equal ("yes", "thanks") it does not reach all others.
    Beyond that the graph is asked, for more and more rows until the page is full.
    """
    condition = where(op.namespace_prefix, op.filter)
    if vector is None:
        items = [row for row in reversed(table.ids(condition)) if is_item(row)]
        return _page(table, op, [(item, None) for item in items])
    count = 2 * (op.offset + op.limit)
    ranking = _exact(table, condition, vector)
    while ranking is None:
        near = table.nearest(condition, vector, count)
        if len(near) < count:
            ranking = _all(table, condition, vector)
            break
        page = _page(table, op, _best(near))
        if len(page) == op.limit:
            return page
        count *= 4
    return _page(table, op, ranking)


def _page(table: Table, op: SearchOp, ranking: Ranking) -> list[SearchItem]:
    offset, limit = max(0, op.offset), max(0, op.limit)
    if not op.filter:
        return _found(table, op, ranking[offset : offset + limit])
    kept: list[SearchItem] = []
    for start in range(0, len(ranking), _CHUNK):
        kept += _found(table, op, ranking[start : start + _CHUNK])
        if len(kept) >= offset + limit:
            break
    return kept[offset : offset + limit]


def _found(table: Table, op: SearchOp, ranking: Ranking) -> list[SearchItem]:
    records = table.records([item for item, _ in ranking])
    held = ((records[item], score) for item, score in ranking if item in records)
    return [record.search_item(score) for record, score in held if matches(record.value, op.filter)]


def _exact(table: Table, condition: Clause | None, vector: Vector) -> Ranking | None:
    """Return the exact ranking where there are few enough rows; the count of many is cheaper than their vectors."""
    rows, vectors = table.vectors(condition, _FEW + 1)
    if len(rows) <= _FEW:
        return _ranked(zip(rows, _cosine(vectors, vector), strict=True))
    return _all(table, condition, vector) if len(table.ids(condition, _EXACT + 1)) <= _EXACT else None


def _all(table: Table, condition: Clause | None, vector: Vector) -> Ranking:
    return _ranked(
        scored
        for rows, vectors in table.all_vectors(condition)
        for scored in zip(rows, _cosine(vectors, vector), strict=True)
    )


def _ranked(scored: Iterable[tuple[str, float | None]]) -> Ranking:
    rows = list(scored)[::-1]
    near = sorted(((row, score) for row, score in rows if score is not None), key=lambda one: -one[1])
    bare: Ranking = [(row, None) for row, score in rows if score is None and is_item(row)]
    return _best(near) + bare


def _best(near: Iterable[tuple[str, float]]) -> Ranking:
    """Return each item once, with the score of its best vector."""
    best: dict[str, float | None] = {}
    for row, score in near:
        item = item_of(row)
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
