"""`ChromaStore`: a LangGraph store whose items lie in Chroma."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    validate_op_namespace,
)

from ..contract import StoreError
from .compaction import Report, begin_erasing, compact, finish_erasing
from .filters import check_filter
from .index import Index, Vectors
from .namespaces import list_namespaces
from .place import Opened, Place, close_place, open_place
from .rows import Namespace, item_row
from .search import search
from .table import Table
from .writing import apply


@dataclass(frozen=True, slots=True)
class _Batch:
    """The ops of one call, checked."""

    ops: Sequence[Op]
    puts: dict[tuple[Namespace, str], PutOp]
    """The last write of each item."""
    searches: Sequence[SearchOp]

    @classmethod
    def of(cls, ops: Iterable[Op]) -> _Batch:
        ops = list(ops)
        for op in ops:
            if not isinstance(op, GetOp | SearchOp | PutOp | ListNamespacesOp):
                raise ValueError(f"Unknown operation type: {type(op)}")
            validate_op_namespace(op)
        searches = [op for op in ops if isinstance(op, SearchOp)]
        for op in searches:
            check_filter(op.filter)
        return cls(ops, {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}, searches)


class ChromaStore(BaseStore):
    """A LangGraph store on Chroma: key-value, namespaces, filters and vector search.

    ```python
    from hef.memory import ChromaStore

    store = ChromaStore("memory", index={"dims": 384, "embed": embeddings, "fields": ["text"]})
    store.put(("notes", "ana"), "1", {"text": "The dog is called Bruno."})
    store.search(("notes", "ana"), query="What is the dog's name?")
    ```

    Nothing is opened until the first operation. The ops of one `batch` all read what stood there before
    it, then its writes are applied, the last one of an item winning. Items come newest first where no
    query ranks them. Threads may share a store; processes may share a folder only through a server
    (`chroma run`, then `url=`). Expiry is not supported: `put(..., ttl=...)` is refused.
    """

    supports_ttl = False

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        url: str | None = None,
        index: IndexConfig | None = None,
        collection: str = "hef",
    ) -> None:
        """Describe a store without opening it.

        Args:
            path: A folder, made when missing, for a memory that lasts.
            url: Address of a Chroma server instead. Without path and URL the memory ends with the process.
            index: The embedding for searches by meaning: `dims`, `embed`, and `fields` (JSON paths, by
                default the whole value). Without it items are found by key, namespace and filter alone.
            collection: Name of the Chroma collection, 3 to 512 of `a-zA-Z0-9._-`.

        Raises:
            SetupError: If both path and URL are given, the URL is none, or the index is incomplete.
        """
        self._place = Place.of(path, url, collection)
        self._index = Index.of(index)
        self._opened: Opened | None = None
        self._closed = False
        self._opening = threading.Lock()
        self._writing = threading.Lock()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order."""
        batch = _Batch.of(ops)
        vectors = self._index.embed(batch.puts.values(), batch.searches) if self._index else Vectors()
        return self._run(batch, vectors)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order; Chroma works in a thread meanwhile."""
        batch = _Batch.of(ops)
        vectors = await self._index.aembed(batch.puts.values(), batch.searches) if self._index else Vectors()
        return await asyncio.to_thread(self._run, batch, vectors)

    def erase(self, deletes: Iterable[PutOp] = (), report: Report | None = None) -> None:
        """Delete items and leave nothing deleted in the files of the folder, see `compaction`.

        Broken off, it is finished when the folder is opened next. Other threads wait meanwhile; a search that is
        under way may fail. Behind a server the items are deleted, its files are out of reach.
        """
        self._table()
        begin_erasing(self._place)
        self.batch(deletes)
        if self._place.path is not None:
            with self._writing, self._opening:
                self._release()
                compact(self._place, report)

    def close(self) -> None:
        """Release the memory; a closed store stays closed."""
        with self._opening:
            self._closed = True
            self._release()

    def _release(self) -> None:
        if self._opened is not None:
            close_place(self._place, self._opened)
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, batch: _Batch, vectors: Vectors) -> list[Result]:
        table = self._table()
        gets = [item_row(op.namespace, op.key) for op in batch.ops if isinstance(op, GetOp)]
        records = table.records(gets)
        results: list[Result] = []
        for op in batch.ops:
            if isinstance(op, GetOp):
                record = records.get(item_row(op.namespace, op.key))
                results.append(record.item() if record else None)
            elif isinstance(op, SearchOp):
                results.append(list(search(table, op, vectors.queries.get(op.query or ""))))
            elif isinstance(op, ListNamespacesOp):
                results.append(list_namespaces(table, op))
            else:
                results.append(None)
        if batch.puts:
            with self._writing:
                apply(table, batch.puts.values(), self._index, vectors)
        return results

    def _table(self) -> Table:
        with self._opening:
            if self._closed:
                raise StoreError(f"The memory in {self._place} is closed. Make a new ChromaStore to use it again.")
            if self._opened is None:
                finish_erasing(self._place)
                self._opened = open_place(self._place, self._index.dims if self._index else None)
            return Table(self._place, self._opened)
