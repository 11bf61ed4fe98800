"""`ChromaStore`: a LangGraph store whose items are rows of a Chroma collection."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from langgraph.store.base import BaseStore, IndexConfig, Op, PutOp, Result, TTLConfig

from ...contract import StoreError
from ...contract.progress import Progress
from ...contract.sync_async import run_sync
from .client.location import ChromaError, StoreLocation
from .client.open_collection import LoopCollections, OpenCollection, close_location, discard_location, open_location
from .client.row_access import Table
from .disk.compaction import compact, mark_for_compaction, resume_compaction
from .disk.disk_room import portions_to_delete
from .embedding import Index, Vectors
from .ops import NO_TIMES, Batch, ItemTimes, read_items, write_items
from .rows import Namespace
from .stored_vectors import StoredVectors
from .ttl import SWEEP_INTERVAL_MINUTES, Sweeper, delete_ops
from .writer_queue import WRITERS, Slot, WriteTasks

_T = TypeVar("_T")


class ChromaStore(StoredVectors, BaseStore):
    """A LangGraph store on Chroma: key-value, namespaces, filters, vector search and expiry.

    ```python
    from hef.memory import ChromaStore
    store = ChromaStore.from_path("memory", index={"dims": 384, "embed": embeddings, "fields": ["text"]})
    store.put(("notes", "ana"), "1", {"text": "The dog is called Bruno."})
    store.search(("notes", "ana"), query="What is the dog's name?")
    ```

    Nothing is opened until the first operation. The ops of one `batch` all read the items as they were before
    it, then its writes are applied, the last one of an item winning. Items come newest first where no
    query ranks them. What has expired is never returned, swept or not, whatever `omit_expired` says.

    Threads and tasks may share a store, and a process may open a folder more than once. A folder belongs to one
    process at a time: another gets a `StoreError`, and so does one that was forked from a process in which the
    embedded Chroma was at work. Processes share a memory through a server (`chroma run`, then `from_url`), or take
    turns with a folder: with `wait`, and with `hold=False` in those that live long.
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
        wait: float = 0.0,
        hold: bool = True,
    ) -> None:
        """Describe a store without opening it.

        Args:
            path: A folder, made when missing, for a memory that lasts.
            url: Address of a Chroma server instead. Without path and URL the memory ends with the process.
            index: The embedding for searches by similarity: `dims`, `embed`, and `fields` (JSON paths, by
                default the whole value). Without it items are found by key, namespace and filter alone.
            ttl: How long items live unless a put says otherwise (`default_ttl`, minutes), whether reading
                them restarts that time, and how often expired ones are swept.
            collection: Name of the Chroma collection, 3 to 512 of `a-zA-Z0-9._-`.
            wait: Seconds that an operation waits for another process that has the folder open.
            hold: Whether the folder stays open between operations; otherwise other processes may open it there.

        Raises:
            SetupError: If both path and URL are given, the URL is invalid, or the index is incomplete.
        """
        self.ttl_config = ttl
        self._location = StoreLocation.from_arguments(path, url, collection, wait)
        self._hold = hold or self._location.is_ephemeral
        self._operations = 0
        self._index = Index.from_config(index)
        self._dims = self._index.dims if self._index else None
        self._opened: OpenCollection | None = None
        self._loop_collections = LoopCollections(self._location, self._dims)
        self._write_tasks = WriteTasks()
        self._closed = False
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._process_id = os.getpid()
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
        """Return a store on a `chroma run` server, such as `http://localhost:8000`; see `ChromaStore`."""
        return cls(url=url, index=index, ttl=ttl, collection=collection)

    @classmethod
    def ephemeral(
        cls, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None, collection: str = "hef"
    ) -> Self:
        """Return a separate store that ends with the process; see `ChromaStore`."""
        return cls(index=index, ttl=ttl, collection=collection)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order."""
        return run_sync(self._run(Batch.from_ops(ops), blocking=True))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run ops and return their results in the same order, without blocking the event loop.

        A server is asked by Chroma's asynchronous client. The embedded Chroma has none and works on one op
        at a time anyway, so it runs in a thread. Writes to a namespace are applied in the order of
        the calls. A call that is cancelled has written all of its batch or nothing.
        """
        return await self._run(Batch.from_ops(ops), blocking=False)

    def restore(self, puts: Iterable[PutOp], times: ItemTimes) -> None:
        """Store items from elsewhere with the times of creation and change that they had there.

        Args:
            puts: The items, as for `batch`.
            times: By namespace and key; what is not among them is stored as `batch` does.
        """
        run_sync(self._run(Batch.from_ops(puts), blocking=True, times=times))

    def sweep_ttl(self) -> int:
        """Delete the items that have expired, and return how many there were."""
        namespaces = {put.namespace for put in self._expired()}
        if not namespaces:
            return 0
        slot = self._enqueue(namespaces)
        try:
            run_sync(slot.wait(blocking=True))
            # What was written or refreshed meanwhile lives on.
            puts = [put for put in self._expired() if put.namespace in namespaces]
        except BaseException:
            WRITERS.leave(slot)
            raise
        run_sync(self._write(slot, puts, Vectors(), NO_TIMES, blocking=True))
        return len(puts)

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Sweep every few minutes in a thread, until `stop_ttl_sweeper` or `close`.

        Args:
            sweep_interval_minutes: How often; by default what the `ttl` configuration says, else 5.

        Returns:
            A future that is done when the thread has ended; cancelling it stops the thread.
        """
        configured = (self.ttl_config or {}).get("sweep_interval_minutes")
        return self._sweeper.start(sweep_interval_minutes or configured or SWEEP_INTERVAL_MINUTES)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop sweeping, waiting at most `timeout` seconds, and return whether the thread has ended."""
        return self._sweeper.stop(timeout)

    def erase(self, deletes: Iterable[PutOp] = (), report: Progress | None = None) -> None:
        """Delete items, and what has expired, and purge all deleted ones from the files, see `disk.compaction`.

        If interrupted, it is finished at the next opening. Other threads wait. A server's files are out of reach.

        Args:
            deletes: Deletes, as for `batch`.
            report: Receives the progress of the rewriting.

        Raises:
            StoreError: If the files cannot be rewritten, or another store of this process has them open.
        """
        self._open()
        mark_for_compaction(self._location)
        for portion in portions_to_delete(self._location.path, [*deletes, *self._expired()]):
            self.batch(portion)
        if self._location.path is not None:
            with self._writing, self._opening:
                self._release()
                compact(self._location, report)

    def close(self) -> None:
        """Release the memory; a closed store stays closed."""
        if os.getpid() != self._process_id:
            return
        self._sweeper.stop()
        with self._opening:
            self._closed = True
            self._release()

    def _release(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            close_location(self._location, opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _run(self, batch: Batch, blocking: bool, times: ItemTimes = NO_TIMES) -> list[Result]:
        """Run a batch; with `blocking` nothing is left to await, so that `run_sync` can drive it.

        A batch with puts takes a slot in the writer queue before anything else, so that writes have the order of the
        calls, whatever their embedding takes.
        """
        self._check_process()
        self._check_open()
        slot = self._enqueue(batch.written_namespaces) if batch.puts else None
        try:
            vectors = await self._index.embed(batch.puts, batch.searches, blocking) if self._index else Vectors()
            results: list[Result] = [None] * len(batch.ops)
            if batch.has_reads:
                results = await self._on_table(partial(read_items, ops=batch.ops, vectors=vectors), blocking)
            if slot is not None:
                await slot.wait(blocking)
        except BaseException:
            if slot is not None:
                WRITERS.leave(slot)
            raise
        if slot is not None:
            write = self._write(slot, batch.puts, vectors, times, blocking)
            await (write if blocking else self._write_tasks.finish(write))
        return results

    async def _write(
        self, slot: Slot, puts: Sequence[PutOp], vectors: Vectors, times: ItemTimes, blocking: bool
    ) -> None:
        """Write in a slot that is ready, and leave it."""
        try:
            work = partial(write_items, puts=puts, index=self._index, vectors=vectors, times=times)
            await self._on_table(work, blocking, self._writing)
        finally:
            WRITERS.leave(slot)

    async def _on_table(
        self, work: Callable[[Table], Coroutine[Any, Any, _T]], blocking: bool, lock: threading.Lock | None = None
    ) -> _T:
        """Run work on the table: in this thread, in another one or, for a server, with the asynchronous client.

        Args:
            work: Coroutine function of a table.
            blocking: Run it in this thread, with nothing left to await.
            lock: Held while it runs, except with the asynchronous client.
        """
        if self._location.url is not None and not blocking:
            return await work(Table(self._location, await self._loop_collections.get()))

        def run() -> _T:
            with lock or nullcontext(), self._table() as table:
                return run_sync(work(table))

        return run() if blocking else await asyncio.to_thread(run)

    def _expired(self) -> list[PutOp]:
        with self._table() as table:
            return run_sync(delete_ops(table))

    def _enqueue(self, namespaces: Iterable[Namespace]) -> Slot:
        return WRITERS.enqueue((self._location, namespace) for namespace in namespaces)

    @contextmanager
    def _table(self) -> Iterator[Table]:
        """Yield the open table; if Chroma fails meanwhile, the next op opens the folder anew."""
        opened = self._open(operations=1)
        try:
            yield Table(self._location, opened)
        except ChromaError:
            with self._opening:
                if self._location.path is not None and self._opened is opened:
                    self._opened = None
                    discard_location(self._location, opened)
            raise
        finally:
            with self._opening:
                self._operations -= 1
                if not (self._hold or self._operations):
                    self._release()

    def _open(self, operations: int = 0) -> OpenCollection:
        self._check_process()
        if self._opened is None and not self._closed:
            self._location.check_server()  # without the lock: waiting for a silent server holds up nobody else
        with self._opening:
            self._check_open()
            if self._opened is not None and not self._location.is_current(self._opened.client):
                # Another store of this process has met a failure.
                stale, self._opened = self._opened, None
                discard_location(self._location, stale)
            if self._opened is None:
                resume_compaction(self._location)
                self._opened = open_location(self._location, self._dims)
            self._operations += operations
            return self._opened

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The memory in {self._location} is closed. Make a new ChromaStore to use it again.")

    def _check_process(self) -> None:
        """Take a store that was never opened into a forked process; refuse one that was, before any lock is met."""
        if os.getpid() == self._process_id:
            return
        if self._opened is not None or self._loop_collections:
            raise StoreError(
                f"The memory in {self._location} was opened before this process was forked, where Chroma would hang. "
                "Start the process with `spawn` or `forkserver`, or make a ChromaStore on a server (url) in it."
            )
        self._process_id, self._opening, self._writing = os.getpid(), threading.Lock(), threading.Lock()
