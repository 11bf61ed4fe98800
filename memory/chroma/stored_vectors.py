"""Stored vectors beside those that the embedding computes now: whether they agree, and how they are replaced."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from langgraph.store.base import PutOp

from ...contract import SetupError
from ...contract.progress import Progress, ignore_progress
from ...contract.sync_async import run_sync
from ...contract.text import is_chinese
from .client.row_access import HAS_VECTOR, Table
from .embedding import Index, Vector
from .rows import Namespace, Record, all_of, is_item_row, prefix_clause, vector_rows

if TYPE_CHECKING:
    import threading

_T = TypeVar("_T")
SAME_TEXT = 0.98
"""Cosine of a stored and a new vector of one text, from which on both are of one embedding: processors round."""
_OLDEST_ROWS = 256
"""Rows under a prefix that are looked at, in the order in which they were first stored."""
_BATCH = 128
"""Items that are embedded at once."""


class StoredVectors:
    """The part of a `ChromaStore` that looks after its vectors when the embedding has changed."""

    _index: Index | None

    if TYPE_CHECKING:
        _writing: threading.Lock

        async def _on_table(
            self, work: Callable[[Table], Coroutine[Any, Any, _T]], blocking: bool, lock: threading.Lock | None = None
        ) -> _T: ...

    def has_stale_vectors(self, prefix: Namespace) -> bool:
        """Return whether items under a prefix were embedded by another embedding than the store's.

        Looked at are two items among those that were stored first, one whose text is Chinese and one of another
        language, as an embedding may have changed for one of them. Nothing is written, and no time to live begins
        again.

        Args:
            prefix: Beginning of the items' namespaces, not empty.
        """
        if self._index is None:
            return False
        stored = run_sync(self._on_table(partial(_oldest, index=self._index, prefix=prefix), blocking=True))
        vectors = run_sync(self._index.embed_texts(list(stored), blocking=True))
        return any(_cosine(stored[text], vector) < SAME_TEXT for text, vector in vectors.items())

    def reembed(self, prefix: Namespace, fields: Sequence[str], report: Progress = ignore_progress) -> int:
        """Compute the vectors of all items under a prefix anew, and return how many items have some.

        Values, times and times to live stay as they are, and what is deleted meanwhile stays deleted. Interrupted, it
        can be run again.

        Args:
            prefix: Beginning of their namespaces, not empty.
            fields: JSON paths that they were stored with, see `PutOp.index`.
            report: Receives the progress in items.

        Raises:
            SetupError: The store has no index.
        """
        if self._index is None:
            raise SetupError("This store was opened without an embedding; open it as `hef.graph.open_store` does.")
        rows = run_sync(self._on_table(partial(_item_rows, prefix=prefix), blocking=True))
        count = 0
        for start in range(0, len(rows), _BATCH):
            work = partial(_reembed, index=self._index, rows=rows[start : start + _BATCH], fields=list(fields))
            count += run_sync(self._on_table(work, True, self._writing))
            report("embedding", min(start + _BATCH, len(rows)), len(rows))
        return count


async def _oldest(table: Table, index: Index, prefix: Namespace) -> dict[str, Vector]:
    """Return text and stored vector of the item in Chinese and of that in another language that were stored first."""
    vectors, rows = await table.rows_with_vectors(all_of([prefix_clause(prefix), HAS_VECTOR]), _OLDEST_ROWS)
    oldest: dict[bool, tuple[str, Vector]] = {}
    for vector, (row, data) in zip(vectors, rows.items(), strict=True):
        if not is_item_row(row):
            continue
        record = Record.from_row(*data)
        texts = index.texts(PutOp(record.namespace, record.key, record.value))
        # What was written again may have a new vector already.
        if texts and record.created == record.updated and any(map(str.isalpha, texts[0])):
            oldest.setdefault(is_chinese(texts[0]), (texts[0], vector))
    return dict(oldest.values())


async def _item_rows(table: Table, prefix: Namespace) -> list[str]:
    return [row for row in await table.ids(prefix_clause(prefix)) if is_item_row(row)]


async def _reembed(table: Table, index: Index, rows: Sequence[str], fields: list[str]) -> int:
    texts_by_row: dict[str, str] = {}
    for first, record in (await table.records(list(rows))).items():
        texts = index.texts(PutOp(record.namespace, record.key, record.value, index=fields))
        texts_by_row.update(zip(vector_rows(first, record.rows), texts, strict=False))
    vectors = await index.embed_texts(list(dict.fromkeys(texts_by_row.values())), blocking=True)
    await table.update_vectors({row: vectors[text] for row, text in texts_by_row.items() if any(vectors[text])})
    return sum(is_item_row(row) for row in texts_by_row)


def _cosine(first: Vector, second: Vector) -> float:
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.dot(first, second)) / lengths if lengths else 1.0
