"""Time to live: whether an item has expired, and deleting the expired ones, once or every few minutes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from langgraph.store.base import PutOp

from .rows import EXPIRES, Metadata, Record

if TYPE_CHECKING:
    from .client.row_access import Table

SWEEP_INTERVAL_MINUTES = 5
"""How often expired items are swept where the `ttl` configuration does not say."""
_SECONDS_PER_MINUTE = 60
_log = logging.getLogger(__name__)


def now() -> float:
    """Return the time, in seconds since 1970."""
    return time.time()


def is_expired(metadata: Metadata) -> bool:
    """Return whether an item has expired, by the metadata of its first row."""
    expires = metadata.get(EXPIRES)
    return isinstance(expires, int | float) and expires <= now()


async def delete_ops(table: Table) -> list[PutOp]:
    """Return the deletes of all items that have expired."""
    rows = await table.get(await table.expired())
    records = [Record.from_row(metadata, document) for metadata, document in rows.values() if is_expired(metadata)]
    return [PutOp(record.namespace, record.key, None) for record in records if record.ttl is not None]


class Sweeper:
    """A thread that sweeps at intervals until it is stopped."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._done: Future[None] = Future()

    def start(self, minutes: float) -> Future[None]:
        """Start the thread, unless it runs, and return a future that is done when it ends; cancelling it stops it."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._done = Future()
            self._thread = threading.Thread(target=self._run, args=(minutes,), daemon=True, name="ttl-sweeper")
            self._thread.start()
        handle: Future[None] = Future()
        handle.add_done_callback(lambda future: self._stop.set() if future.cancelled() else None)
        self._done.add_done_callback(lambda _: handle.set_result(None) if not handle.done() else None)
        return handle

    def stop(self, timeout: float | None = None) -> bool:
        """Stop the thread, waiting at most `timeout` seconds, and return whether it has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, minutes: float) -> None:
        while not self._stop.wait(minutes * _SECONDS_PER_MINUTE):
            try:
                self._sweep()
            except Exception:
                _log.exception("Items that have expired could not be swept; the next sweep tries again.")
        self._done.set_result(None)
