"""An iterator that runs in a task of its own, so that waiting for its next item may end without ending it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, TypeVar

from .api_errors import ApiError

Item = TypeVar("Item")

_RUNNING: set[asyncio.Task[None]] = set()
"""Tasks that run, also those that nobody waits for any more: a stopped one still has to close what it holds."""


class BackgroundRun(Generic[Item]):
    """Runs an iterator and keeps its items until they are read, once.

    Args:
        items: The iterator.
    """

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._task = asyncio.create_task(self._run(items))
        _RUNNING.add(self._task)
        self._task.add_done_callback(_RUNNING.discard)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the first item or the end, at most so long.

        Raises:
            Exception: What ended the iterator before it gave anything.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._begun.wait(), seconds)
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()):
            raise error

    def stop(self) -> None:
        """End the iterator where it is; one that is at its end stays as it is."""
        self._task.cancel()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield the items, then raise what ended them.

        Raises:
            ApiError: With 503, the run was stopped, as when the server ends.
        """
        while (item := await self._queue.get()) is not None:
            yield item
        await asyncio.wait([self._task])
        if self._task.cancelled():
            raise ApiError(503, "the server is stopping; send the request again", "server_stopping")
        self._task.result()

    async def _run(self, items: AsyncIterator[Item]) -> None:
        try:
            async for item in items:
                self._queue.put_nowait(item)
                self._begun.set()
        finally:
            self._queue.put_nowait(None)
            self._begun.set()


async def finish_runs() -> None:
    """Wait until every run of this event loop has ended, as a server does before it closes what they use."""
    loop = asyncio.get_running_loop()
    while tasks := [task for task in _RUNNING if task.get_loop() is loop]:
        await asyncio.wait(tasks)
