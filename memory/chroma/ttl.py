"""Sweeping: deleting the items whose time is over, once or every few minutes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from langgraph.store.base import PutOp

from .client.row_access import Table
from .expiry import is_expired
from .rows import Record

_log = logging.getLogger(__name__)


async def expired_items(table: Table) -> list[PutOp]:
    """Return the deletes of all items that have expired."""
    held = await table.get(await table.expired())
    records = [Record.of(*row) for row in held.values() if is_expired(row[0])]
    return [PutOp(record.namespace, record.key, None) for record in records if record.ttl is not None]


class Sweeper:
    """A thread that sweeps at intervals until it is stopped."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._done: Future[None] = Future()

    def start(self, minutes: float) -> Future[None]:
        """Start the thread, unless it runs, and return what is done when it ends; cancelling that stops it."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._done = Future()
            self._thread = threading.Thread(target=self._run, args=(minutes,), daemon=True, name="ttl-sweeper")
            self._thread.start()
        handle: Future[None] = Future()
        handle.add_done_callback(lambda one: self._stop.set() if one.cancelled() else None)
        self._done.add_done_callback(lambda _: handle.set_result(None) if not handle.done() else None)
        return handle

    def stop(self, timeout: float | None = None) -> bool:
        """Stop the thread, waiting at most some seconds, and tell whether it has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, minutes: float) -> None:
        while not self._stop.wait(minutes * 60):
            try:
                self._sweep()
            except Exception:
                _log.exception("Items that have expired could not be swept; the next sweep tries again.")
        self._done.set_result(None)
