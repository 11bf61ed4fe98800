"""Collections of a server that were opened for event loops: a client is good only in the loop it was made in."""

from __future__ import annotations

import asyncio
import weakref

from .location import StoreLocation
from .open_collection import OpenCollection, open_location_async


class LoopCollections:
    """One open collection for each event loop that asks for it."""

    def __init__(self, place: StoreLocation, dims: int | None) -> None:
        self._place = place
        self._dims = dims
        self._opened: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, OpenCollection] = weakref.WeakKeyDictionary()
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[OpenCollection]] = {}

    def __bool__(self) -> bool:
        return bool(self._opened or self._opening)

    async def get(self) -> OpenCollection:
        """Return the collection of the loop that runs; tasks that ask at once share one opening."""
        loop = asyncio.get_running_loop()
        if loop in self._opened:
            return self._opened[loop]
        if loop not in self._opening:
            self._opening[loop] = loop.create_task(self._open(loop))
        return await asyncio.shield(self._opening[loop])

    async def _open(self, loop: asyncio.AbstractEventLoop) -> OpenCollection:
        try:
            self._opened[loop] = await open_location_async(self._place, self._dims)
            return self._opened[loop]
        finally:
            del self._opening[loop]
