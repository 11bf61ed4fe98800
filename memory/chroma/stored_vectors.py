"""Stored vectors beside those that the embedding computes now: whether they agree, and how they are replaced."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph.store.base import PutOp

from ...contract import SetupError
from ...contract.progress import Progress, ignore_progress
from ...contract.sync_async import run_sync
from ...contract.text import is_chinese
from .client.row_access import HAS_VECTOR, Table
from .embedding import Index, Vector
from .rows import Namespace, Record, conjunction, is_item_row, prefix_clause, vector_rows
from .search import cosine

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

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

    def has_stale_vectors(self, prefix: Namespace, fields: Sequence[str]) -> bool:
        """Return whether items under a prefix were embedded by another embedding than the store's.

        Looked at are two items among those that were stored first and never changed, one whose text is Chinese and
        one of another language, as an embedding may have changed for one of them. Nothing is written, and no time to
        live begins again.

        Args:
            prefix: Beginning of the items' namespaces, not empty.
            fields: JSON paths that they were stored with, see `PutOp.index`.
        """
        if self._index is None:
            return False
        work = partial(_oldest, index=self._index, prefix=prefix, fields=list(fields))
        stored = run_sync(self._on_table(work, blocking=True))
        vectors = run_sync(self._index.embed_texts(list(stored), blocking=True))
        cosines = (cosine(stored[text][None], vector)[0] for text, vector in vectors.items())
        return any(value is not None and value < SAME_TEXT for value in cosines)

    def reembed(self, prefix: Namespace, fields: Sequence[str], report: Progress = ignore_progress) -> int:
        """Compute the vectors of all items under a prefix anew, and return how many items have texts.

        Values, times and times to live stay as they are, what is deleted meanwhile stays deleted, and what is changed
        meanwhile is left to its own put. Interrupted, it can be run again: the newest items come first, so that
        `has_stale_vectors` holds until the last. An item keeps as many vectors as it has rows.

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
            batch = partial(Table.records, ids=rows[start : start + _BATCH])
            records = run_sync(self._on_table(batch, blocking=True))
            vectors = run_sync(_embed(records, self._index, list(fields)))
            write = partial(_replace, records=records, vectors=vectors)
            run_sync(self._on_table(write, blocking=True, lock=self._writing))
            count += len(vectors)
            report("embedding", min(start + _BATCH, len(rows)), len(rows))
        return count


async def _oldest(table: Table, index: Index, prefix: Namespace, fields: list[str]) -> dict[str, NDArray[Any]]:
    """Return text and stored vector of the item in Chinese and of that in another language that were stored first."""
    vectors, rows = await table.rows_with_vectors(conjunction([prefix_clause(prefix), HAS_VECTOR]), _OLDEST_ROWS)
    oldest: dict[bool, tuple[str, NDArray[Any]]] = {}
    for vector, (row, data) in zip(vectors, rows.items(), strict=True):
        if not is_item_row(row):
            continue
        record = Record.from_row(*data)
        texts = _texts(record, index, fields)
        # What was written again may have a new vector already.
        if texts and record.created == record.updated and any(map(str.isalpha, texts[0])):
            oldest.setdefault(is_chinese(texts[0]), (texts[0], vector))
    return dict(oldest.values())


async def _item_rows(table: Table, prefix: Namespace) -> list[str]:
    """Return the first rows of the items under a prefix, the newest first."""
    return [row for row in reversed(await table.ids(prefix_clause(prefix))) if is_item_row(row)]


async def _embed(records: Mapping[str, Record], index: Index, fields: list[str]) -> dict[str, list[Vector]]:
    """Return the vectors of each item that has texts, by its first row; blank ones are left out, as in a put."""
    texts = {row: texts for row, record in records.items() if (texts := _texts(record, index, fields))}
    vectors = await index.embed_texts(list(dict.fromkeys(chain.from_iterable(texts.values()))), blocking=True)
    return {row: [vectors[text] for text in of_item if any(vectors[text])] for row, of_item in texts.items()}


async def _replace(table: Table, records: Mapping[str, Record], vectors: Mapping[str, Sequence[Vector]]) -> None:
    """Replace the vectors of the items that are as they were when they were embedded."""
    present = await table.records(list(vectors))
    same = [row for row in vectors if row in present and present[row].value == records[row].value]
    pairs = (zip(vector_rows(row, records[row].rows), vectors[row], strict=False) for row in same)
    await table.update_vectors(dict(chain.from_iterable(pairs)))


def _texts(record: Record, index: Index, fields: list[str]) -> list[str]:
    return index.texts(PutOp(record.namespace, record.key, record.value, index=fields))
