"""`ChromaStore`: a LangGraph store whose items lie in Chroma."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from langgraph.store.base import BaseStore, IndexConfig, Op, PutOp, Result, TTLConfig

from ...contract import StoreError
from ...contract.progress import Progress
from ...contract.sync_async import run_sync
from .batch import Batch
from .client.location import ChromaError, StoreLocation
from .client.loop_clients import LoopCollections
from .client.open_collection import OpenCollection, close_location, discard_location, open_location
from .client.row_access import Table
from .disk.compaction import compact, mark_for_compaction, resume_compaction
from .embedding import Index, Vectors
from .reading import read
from .rows import Namespace, Times
from .ttl import Sweeper, expired_items
from .writer_queue import WRITERS, Slot
from .writing import NO_TIMES, apply

_SWEEP_MINUTES = 5


class ChromaStore(BaseStore):
    """A LangGraph store on Chroma: key-value, namespaces, filters, vector search and expiry.

    ```python
    from hef.memory import ChromaStore

    store = ChromaStore.from_path("memory", index={"dims": 384, "embed": embeddings, "fields": ["text"]})
    store.put(("notes", "ana"), "1", {"text": "The dog is called Bruno."})
    store.search(("notes", "ana"), query="What is the dog's name?")
    ```

    Nothing is opened until the first operation. The ops of one `batch` all read what stood there before
    it, then its writes are applied, the last one of an item winning. Items come newest first where no
    query ranks them. What has expired is never returned, swept or not, whatever `omit_expired` says.

    Threads and tasks may share a store, and a process may open a folder more than once. A folder belongs to one
    process at a time: another gets a `StoreError`, and so does one that was forked from a process in which the
    embedded Chroma was at work. Processes share a memory through a server (`chroma run`, then `from_url`).
    """

    supports_ttl = True

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        url: str | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        collection: str = "hef",
    ) -> None:
        """Describe a store without opening it.

        Args:
            path: A folder, made when missing, for a memory that lasts.
            url: Address of a Chroma server instead. Without path and URL the memory ends with the process.
            index: The embedding for searches by meaning: `dims`, `embed`, and `fields` (JSON paths, by
                default the whole value). Without it items are found by key, namespace and filter alone.
            ttl: How long items live unless a put says otherwise (`default_ttl`, minutes), whether reading
                them lets that time begin again, and how often they are swept.
            collection: Name of the Chroma collection, 3 to 512 of `a-zA-Z0-9._-`.

        Raises:
            SetupError: If both path and URL are given, the URL is none, or the index is incomplete.
        """
        self.ttl_config = ttl
        self._place = StoreLocation.of(path, url, collection)
        self._index = Index.of(index)
        self._opened: OpenCollection | None = None
        self._of_loops = LoopCollections(self._place, self._dims)
        self._writes: set[asyncio.Task[None]] = set()
        self._closed = False
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._process = os.getpid()
        self._sweeper = Sweeper(self.sweep_ttl)

    @classmethod
    def from_path(
        cls,
        path: Path | str,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        collection: str = "hef",
    ) -> Self:
        """Return a store in a folder, which is made when missing; see `ChromaStore`."""
        return cls(path, index=index, ttl=ttl, collection=collection)

    @classmethod
    def from_url(
        cls, url: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None, collection: str = "hef"
    ) -> Self:
        """Return a store on a `chroma run` server, such as `http://localhost:8000`; see `ChromaStore`.

        Its async methods use Chroma's asynchronous client, so that no user waits for a thread.
        """
        return cls(url=url, index=index, ttl=ttl, collection=collection)

    @classmethod
    def ephemeral(
        cls, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None, collection: str = "hef"
    ) -> Self:
        """Return a store of its own that ends with the process; see `ChromaStore`."""
        return cls(index=index, ttl=ttl, collection=collection)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order."""
        batch = Batch.of(ops)
        with self._queued(batch.spaces) as ticket:
            vectors = self._index.embed(batch.puts, batch.searches) if self._index else Vectors()
            results = self._read(batch, vectors)
            ticket.ready.result()
            if batch.puts:
                self._write(batch.puts, vectors)
        return results

    def restore(self, puts: Iterable[PutOp], times: Mapping[tuple[Namespace, str], Times]) -> None:
        """Store items that lay elsewhere before, with the times of creation and change that they had there.

        Args:
            puts: The items, as for `batch`.
            times: By namespace and key; what is not among them is stored as `batch` does.
        """
        batch = Batch.of(puts)
        with self._queued(batch.spaces) as ticket:
            vectors = self._index.embed(batch.puts, ()) if self._index else Vectors()
            ticket.ready.result()
            self._write(batch.puts, vectors, times)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order, without blocking the event loop.

        A server is asked by Chroma's asynchronous client. The embedded Chroma has none and works on one op
        at a time anyway, so it runs in a thread. Writes to a namespace are applied in the order of
        the calls. A call that is cancelled has written all of its batch or nothing.
        """
        batch = Batch.of(ops)
        ticket = WRITERS.enqueue(self._names(batch.spaces))
        try:
            vectors = await self._index.aembed(batch.puts, batch.searches) if self._index else Vectors()
            results = await self._aread(batch, vectors)
            await asyncio.wrap_future(ticket.ready)
        except BaseException:
            WRITERS.leave(ticket)
            raise
        await self._awrite(batch.puts, vectors, ticket)
        return results

    def sweep_ttl(self) -> int:
        """Delete the items that have expired, and return how many there were."""
        with self._table() as table:
            doomed = {put.namespace for put in run_sync(expired_items(table))}
        with self._queued(doomed) as ticket:
            ticket.ready.result()
            # What was written or refreshed meanwhile lives on.
            with self._table() as table:
                puts = [put for put in run_sync(expired_items(table)) if put.namespace in doomed]
            self._write(puts, Vectors())
        return len(puts)

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Sweep every few minutes in a thread, until `stop_ttl_sweeper` or `close`.

        Args:
            sweep_interval_minutes: How often; by default what the `ttl` configuration says, else 5.

        Returns:
            What is done when the thread has ended; cancelling it stops the thread.
        """
        configured = (self.ttl_config or {}).get("sweep_interval_minutes")
        return self._sweeper.start(sweep_interval_minutes or configured or _SWEEP_MINUTES)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop sweeping, waiting at most `timeout` seconds, and tell whether the thread has ended."""
        return self._sweeper.stop(timeout)

    def erase(self, deletes: Iterable[PutOp] = (), report: Progress | None = None) -> None:
        """Delete items and leave nothing deleted in the files of the folder, see `compaction`.

        Broken off, it is finished when the folder is opened next. Other threads wait meanwhile; a search that is
        under way may fail. Behind a server the items are deleted, its files are out of reach.

        Raises:
            StoreError: If the files cannot be rewritten, or another store of this process has them open.
        """
        self._open()
        mark_for_compaction(self._place)
        self.batch(deletes)
        if self._place.path is not None:
            with self._writing, self._opening:
                self._release()
                compact(self._place, report)

    def close(self) -> None:
        """Release the memory; a closed store stays closed."""
        if os.getpid() != self._process:
            return
        self._sweeper.stop()
        with self._opening:
            self._closed = True
            self._release()

    def _release(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            close_location(self._place, opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _names(self, spaces: Iterable[Namespace]) -> list[tuple[StoreLocation, Namespace]]:
        return [(self._place, space) for space in spaces]

    @contextmanager
    def _queued(self, spaces: Iterable[Namespace]) -> Iterator[Slot]:
        ticket = WRITERS.enqueue(self._names(spaces))
        try:
            yield ticket
        finally:
            WRITERS.leave(ticket)

    def _read(self, batch: Batch, vectors: Vectors) -> list[Result]:
        with self._table() as table:
            return run_sync(read(table, batch.ops, vectors))

    async def _aread(self, batch: Batch, vectors: Vectors) -> list[Result]:
        if not batch.reads:
            return [None] * len(batch.ops)
        if self._place.url is None:
            return await asyncio.to_thread(self._read, batch, vectors)
        return await read(await self._atable(), batch.ops, vectors)

    def _write(
        self, puts: Sequence[PutOp], vectors: Vectors, times: Mapping[tuple[Namespace, str], Times] = NO_TIMES
    ) -> None:
        with self._writing, self._table() as table:
            run_sync(apply(table, puts, self._index, vectors, times))

    async def _awrite(self, puts: Sequence[PutOp], vectors: Vectors, ticket: Slot) -> None:
        """Write in a task of its own, which a cancelled caller does not break off."""
        write = asyncio.ensure_future(self._write_and_leave(puts, vectors, ticket))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        await asyncio.shield(write)

    async def _write_and_leave(self, puts: Sequence[PutOp], vectors: Vectors, ticket: Slot) -> None:
        try:
            if not puts:
                return
            if self._place.url is None:
                await asyncio.to_thread(self._write, puts, vectors)
            else:
                await apply(await self._atable(), puts, self._index, vectors)
        finally:
            WRITERS.leave(ticket)

    @contextmanager
    def _table(self) -> Iterator[Table]:
        """Yield the open table; a folder whose Chroma fails meanwhile is opened anew by the next op."""
        opened = self._open()
        try:
            yield Table(self._place, opened)
        except ChromaError:
            with self._opening:
                if self._place.path is not None and self._opened is opened:
                    self._opened = None
                    discard_location(self._place, opened)
            raise

    def _open(self) -> OpenCollection:
        self._check_process()
        with self._opening:
            self._check_open()
            if self._opened is not None and not self._place.is_current(self._opened.client):
                # Another store of this process has met a failure.
                stale, self._opened = self._opened, None
                discard_location(self._place, stale)
            if self._opened is None:
                resume_compaction(self._place)
                self._opened = open_location(self._place, self._dims)
            return self._opened

    async def _atable(self) -> Table:
        self._check_process()
        self._check_open()
        return Table(self._place, await self._of_loops.get())

    @property
    def _dims(self) -> int | None:
        return self._index.dims if self._index else None

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The memory in {self._place} is closed. Make a new ChromaStore to use it again.")

    def _check_process(self) -> None:
        """Take a store that was never opened into a forked process; refuse one that was, before any lock is met."""
        if os.getpid() == self._process:
            return
        if self._opened is not None or self._of_loops:
            raise StoreError(
                f"The memory in {self._place} was opened before this process was forked, where Chroma would hang. "
                "Start the process with `spawn` or `forkserver`, or make a ChromaStore on a server (url) in it."
            )
        self._process, self._opening, self._writing = os.getpid(), threading.Lock(), threading.Lock()
