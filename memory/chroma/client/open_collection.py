"""Open a collection: check its format, vector length and process, and set how often its HNSW index is written."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import weakref
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from math import isqrt
from typing import TYPE_CHECKING, Any

from ....contract import StoreError
from ....contract.sync_async import maybe_await, run_sync
from ..chroma_internals import check_chroma
from ..disk.disk_room import retry_with_reserve
from ..disk.folder_lock import reset_after_fork
from ..disk.hnsw_files import HnswBackup, hnsw_backup
from ..embedding import placeholder_vector
from ..rows import Namespace, is_namespace_row, namespace_metadata, parse_namespace
from .location import SERVER_SECONDS, StoreLocation

if TYPE_CHECKING:
    from chromadb.api.collection_configuration import CreateHNSWConfiguration

FORMAT = 3
"""Version of the layout of rows. Older collections are upgraded when opened; their items stay as they are and are read.

Version 1 told namespaces by their documents alone. Up to version 2 items were documents, and longer texts were among
the metadata for filters.
"""

_NAMESPACE_METADATA_FORMAT = 2
"""The first format in which the rows of namespaces have metadata."""
_NO_INDEX_DIMS = 2
"""Length of the vectors of a store without an index, all of them placeholders."""
_HNSW: CreateHNSWConfiguration = {"max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
"""More links than Chroma's default, which loses neighbours where a tenth or more of the vectors are equal."""
_MIN_SYNC_THRESHOLD, _MAX_SYNC_THRESHOLD = 100, 1000
"""After how many rows Chroma writes its HNSW index: in a small collection, and at most. See `_tune_sync_threshold`."""
_THRESHOLD_TOLERANCE = 1.5
"""Factor by which the present threshold may be off before it is changed."""
_MAX_REQUESTS = 8
"""Requests to a server under way at once. More only make the HTTP client open and close connections: with a hundred,
ten times the work."""
_MAX_SERVER_BATCH = 1000
"""Rows of one write to a server, so that it is done long before `SERVER_SECONDS`: 5,000 took 15 s on a busy machine."""
_log = logging.getLogger(__name__)
_opening = threading.Lock()
"""Chroma keeps one system per folder and does not guard its creation against two threads."""

_chroma_started = False
"""Whether the embedded Chroma was ever started in this process."""
_forked_after_start = False
"""Whether this process was forked from one where it was: Chroma waits here for threads that the fork left behind."""


@dataclass(frozen=True, slots=True)
class OpenCollection:
    """An open collection."""

    client: Any
    """Chroma's client that it was opened with, synchronous or asynchronous."""
    collection: Any
    """Chroma's collection, untyped because Chroma's annotations refuse plain lists of floats."""
    dims: int
    """Length of its vectors."""
    max_batch: int
    """Maximum number of rows of one write."""
    requests: asyncio.Semaphore | None = None
    """Limit of requests under way at once, for an asynchronous client."""
    backup: HnswBackup | None = None
    """Copies that keep a folder's HNSW indexes from being torn."""
    large_prefixes: set[Namespace] = field(default_factory=set)
    """Namespace prefixes under which many rows were found."""

    def guard_write(self, rows: int) -> AbstractContextManager[None]:
        """Return the context in which a number of rows is written."""
        if self.backup is None:
            return nullcontext()
        return self.backup.guarded(self.collection.name, _sync_threshold(self.collection), rows)


def open_location(location: StoreLocation, dims: int | None) -> OpenCollection:
    """Open a collection, or create it.

    Args:
        location: Where it is.
        dims: Length of the vectors to be stored; None for a store without an index, which takes any.

    Raises:
        StoreError: If it cannot be opened, is open in another process, was made by something else or by a
            later version, or holds other vectors.
    """
    if _forked_after_start and location.url is None:
        raise StoreError(
            f"The memory in {location} cannot be opened: this process was forked from one that had used Chroma, where "
            "it would hang. Start the process with `spawn` or `forkserver`, or use a server (`chroma run`, then url)."
        )
    return retry_with_reserve(location.path, partial(_open_once, location, dims))


def _open_once(location: StoreLocation, dims: int | None) -> OpenCollection:
    global _chroma_started
    with _opening, location.translate_errors("opened"):
        if location.url is None:
            _chroma_started = True
            check_chroma()
        was_closed, opened = location.is_closed, _connect(location, dims)
        if not was_closed or not _update_sync_threshold(location, opened):
            return opened
        # Chroma reads a new threshold when it opens the folder.
        location.disconnect(opened.client)
        return _connect(location, dims)


def _connect(location: StoreLocation, dims: int | None) -> OpenCollection:
    client = location.connect()
    try:
        return run_sync(_open(client, location, dims))
    except BaseException:
        location.disconnect(client)
        raise


def _update_sync_threshold(location: StoreLocation, opened: OpenCollection) -> bool:
    """Return whether the folder must be opened again; one that cannot be written, as on a full disk, is still read."""
    try:
        return run_sync(_tune_sync_threshold(opened.collection))
    except Exception as error:
        _log.warning("How often Chroma writes the vector index in %s could not be set: %s", location, error)
        location.discard_client(opened.client)
        return True


async def open_location_async(location: StoreLocation, dims: int | None) -> OpenCollection:
    """Open a collection of a server as `open_location` does, for the running event loop."""
    with location.translate_errors("opened"):
        async with asyncio.timeout(SERVER_SECONDS):
            opened = await _open(await location.connect_async(), location, dims)
        return replace(opened, requests=asyncio.Semaphore(_MAX_REQUESTS))


def close_location(location: StoreLocation, opened: OpenCollection) -> None:
    """Close a collection; an ephemeral one is deleted."""
    with _opening, location.translate_errors("closed"):
        try:
            if location.is_ephemeral:
                opened.client.delete_collection(location.collection)
        finally:
            location.disconnect(opened.client)


def discard_location(location: StoreLocation, opened: OpenCollection) -> None:
    """Leave a folder whose Chroma has failed, so that the next opening starts a new one."""
    with _opening:
        location.discard_client(opened.client)
        location.disconnect(opened.client)


class LoopCollections:
    """One open collection of a server per event loop: an asynchronous client works only in the loop it was made in."""

    def __init__(self, location: StoreLocation, dims: int | None) -> None:
        self._location = location
        self._dims = dims
        self._opened: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, OpenCollection] = weakref.WeakKeyDictionary()
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[OpenCollection]] = {}

    def __bool__(self) -> bool:
        return bool(self._opened or self._opening)

    async def get(self) -> OpenCollection:
        """Return the collection of the running loop; concurrent tasks share one opening."""
        loop = asyncio.get_running_loop()
        if loop in self._opened:
            return self._opened[loop]
        if loop not in self._opening:
            self._opening[loop] = loop.create_task(self._open(loop))
        return await asyncio.shield(self._opening[loop])

    async def _open(self, loop: asyncio.AbstractEventLoop) -> OpenCollection:
        try:
            self._opened[loop] = await open_location_async(self._location, self._dims)
            return self._opened[loop]
        finally:
            del self._opening[loop]


async def _open(client: Any, location: StoreLocation, dims: int | None) -> OpenCollection:
    backup = hnsw_backup(location.path) if location.path else None
    collection = await _get_or_create(client, location, dims)
    if backup:
        await _sync_overdue(collection, backup)
    stored_dims = await _check_format(collection, location)
    if dims not in (None, stored_dims):
        if await maybe_await(collection.count()):
            raise StoreError(
                f"The collection {location.collection!r} in {location} holds vectors of {stored_dims} numbers, the "
                f"index says dims={dims}. Give the embedding it was made with, or another folder or collection."
            )
        await maybe_await(client.delete_collection(location.collection))
        collection = await _get_or_create(client, location, dims)
        stored_dims = await _check_format(collection, location)
    max_batch = await maybe_await(client.get_max_batch_size())
    if location.url:
        max_batch = min(max_batch, _MAX_SERVER_BATCH)
    return OpenCollection(client, collection, stored_dims, max_batch, backup=backup)


async def _get_or_create(client: Any, location: StoreLocation, dims: int | None) -> Any:
    # A server cannot be opened anew when its memory has grown.
    threshold = _MAX_SYNC_THRESHOLD if location.url else _MIN_SYNC_THRESHOLD
    hnsw: CreateHNSWConfiguration = {"space": "cosine", "sync_threshold": threshold}
    if dims:
        hnsw |= _HNSW
    collection = client.get_or_create_collection(
        location.collection,
        configuration={"hnsw": hnsw},
        metadata={"hef:format": FORMAT, "hef:dims": dims or _NO_INDEX_DIMS},
        embedding_function=None,
    )
    return await maybe_await(collection)


async def _tune_sync_threshold(collection: Any) -> bool:
    """Set how often Chroma writes its HNSW index by the number of rows, and return whether that changes it.

    Each write of Chroma reads all rows again that the index on disk lacks, which at its default of 1,000 takes several
    times as long as the write; and writing an index takes the longer the more rows there are. The sum of both is least
    near the square root of the rows.
    """
    threshold = min(_MAX_SYNC_THRESHOLD, max(_MIN_SYNC_THRESHOLD, isqrt(await maybe_await(collection.count()))))
    if threshold / _THRESHOLD_TOLERANCE < _sync_threshold(collection) < threshold * _THRESHOLD_TOLERANCE:
        return False
    await maybe_await(collection.modify(configuration={"hnsw": {"sync_threshold": threshold}}))
    return True


async def _sync_overdue(collection: Any, backup: HnswBackup) -> None:
    """Let Chroma write its index now, if it is due, so that no later read does: its copy would be too old."""
    threshold = _sync_threshold(collection)
    if backup.is_due(collection.name, threshold):
        with backup.guarded(collection.name, threshold):
            await maybe_await(collection.get(limit=1, include=[]))


def _sync_threshold(collection: Any) -> int:
    return int(collection.configuration_json["hnsw"]["sync_threshold"])


async def _check_format(collection: Any, location: StoreLocation) -> int:
    """Check the format of a collection, upgrade an older one, and return the length of its vectors."""
    metadata = collection.metadata or {}
    version = metadata.get("hef:format")
    if not isinstance(version, int) or version < 1:
        raise StoreError(
            f"The collection {collection.name!r} in {location} was not made by ChromaStore. Give another folder or "
            "collection."
        )
    if (collection.configuration_json.get("embedding_function") or {"type": "legacy"})["type"] != "legacy":
        raise StoreError(
            f"The collection {collection.name!r} in {location} names an embedding function of its own, which Chroma "
            "would load and run. Give another folder or collection."
        )
    if version > FORMAT:
        raise StoreError(
            f"The collection {collection.name!r} in {location} was made by a later version of HEF (format {version}; "
            f"this one reads up to {FORMAT}). Update HEF, or give another folder or collection."
        )
    dims = int(metadata["hef:dims"])
    if version < _NAMESPACE_METADATA_FORMAT:
        await _add_namespace_metadata(collection, dims)
    if version < FORMAT:
        await maybe_await(collection.modify(metadata={**metadata, "hef:format": FORMAT}))
    return dims


async def _add_namespace_metadata(collection: Any, dims: int) -> None:
    """Give the rows of namespaces the metadata they are found by; an interrupted run is done again."""
    namespaces = await maybe_await(collection.get(where={"space": True}, include=["documents"]))
    for row, document in zip(namespaces["ids"], namespaces["documents"], strict=True):
        if is_namespace_row(row):
            metadata = namespace_metadata(parse_namespace(document))
            vector = list(placeholder_vector(row, dims))
            await maybe_await(collection.upsert(row, [vector], [metadata], [document]))


def _after_fork() -> None:
    global _opening, _forked_after_start
    _opening = threading.Lock()
    _forked_after_start = _forked_after_start or _chroma_started
    reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
