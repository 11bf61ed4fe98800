"""One writer at a time in a namespace, threads and tasks alike, in the order in which they asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Coroutine, Hashable, Iterable
from concurrent.futures import Future
from typing import Any


class Slot:
    """A position in the queues of some names."""

    def __init__(self, names: frozenset[Hashable]) -> None:
        self.names = names
        self.ready: Future[None] = Future()
        """Done when no other slot is before it in any queue."""

    async def wait(self, blocking: bool) -> None:
        """Wait until the slot is ready; with `blocking` in the thread, so that nothing is left to await."""
        if blocking:
            self.ready.result()
        else:
            await asyncio.wrap_future(self.ready)


class WriterQueue:
    """Queues by name. A slot joins all its queues at once, so that no two can wait for each other."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[Slot]] = {}
        self.reset_after_fork()

    def enqueue(self, names: Iterable[Hashable]) -> Slot:
        """Return a new slot in the queues of some names; `wait` for it, and `leave` it afterwards."""
        slot = Slot(frozenset(names))
        with self._guard:
            for name in slot.names:
                self._queues.setdefault(name, deque()).append(slot)
            self._set_ready_if_first(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        """Leave all queues, ready or not, and make the slots ready that are first now."""
        with self._guard:
            for name in slot.names:
                self._queues[name].remove(slot)
                if not self._queues[name]:
                    del self._queues[name]
            for name in slot.names & self._queues.keys():
                self._set_ready_if_first(self._queues[name][0])

    def reset_after_fork(self) -> None:
        """Empty all queues, in a process that was just forked: the writers in them are in the parent."""
        self._guard = threading.Lock()
        self._queues.clear()

    def _set_ready_if_first(self, slot: Slot) -> None:
        is_first = all(self._queues[name][0] is slot for name in slot.names)
        # A task that was cancelled while it waited has cancelled its future.
        if is_first and not slot.ready.done():
            slot.ready.set_result(None)


WRITERS = WriterQueue()
"""The writers of this process, by location and namespace."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WRITERS.reset_after_fork)


class WriteTasks:
    """Writes that a cancelled caller does not interrupt."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def finish(self, write: Coroutine[Any, Any, None]) -> None:
        """Write in a task of its own, and wait for it."""
        task = asyncio.ensure_future(write)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)
