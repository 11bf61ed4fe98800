"""One writer at a time in a namespace, threads and tasks alike, in the order in which they asked."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Hashable, Iterable
from concurrent.futures import Future


class Slot:
    """A place in the queues of some names."""

    def __init__(self, names: frozenset[Hashable]) -> None:
        self.names = names
        self.ready: Future[None] = Future()
        """Done when nobody is before it in any queue."""


class WriterQueue:
    """Queues by name. A ticket joins all its queues at once, so that no two can wait for each other."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[Slot]] = {}
        self.forget()

    def enqueue(self, names: Iterable[Hashable]) -> Slot:
        """Return a ticket; wait for its `called`, then give it back."""
        ticket = Slot(frozenset(names))
        with self._guard:
            for name in ticket.names:
                self._queues.setdefault(name, deque()).append(ticket)
            self._call(ticket)
        return ticket

    def leave(self, ticket: Slot) -> None:
        """Leave all queues, called or not, and call those who are next."""
        with self._guard:
            for name in ticket.names:
                self._queues[name].remove(ticket)
                if not self._queues[name]:
                    del self._queues[name]
            for name in ticket.names & self._queues.keys():
                self._call(self._queues[name][0])

    def forget(self) -> None:
        """Send all away, in a process that was just forked: whoever waits is in the parent."""
        self._guard = threading.Lock()
        self._queues.clear()

    def _call(self, ticket: Slot) -> None:
        first = all(self._queues[name][0] is ticket for name in ticket.names)
        # A task that was cancelled while it waited has cancelled its future.
        if first and not ticket.ready.done():
            ticket.ready.set_result(None)


WRITERS = WriterQueue()
"""The writers of this process, by place and namespace."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WRITERS.forget)
