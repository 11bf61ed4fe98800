"""Opening a collection: its format, the length of its vectors, and the process that may use it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import TYPE_CHECKING, Any

from ....contract import StoreError
from ....contract.sync_async import maybe_await, run_sync
from ..disk.folder_lock import reset_after_fork
from ..disk.hnsw_backup import HnswBackup, hnsw_backup
from ..embedding import blank
from ..rows import Namespace, is_namespace_row, namespace_metadata, parse_namespace
from .location import StoreLocation

if TYPE_CHECKING:
    from chromadb.api.collection_configuration import CreateHNSWConfiguration

FORMAT = 3
"""Version of the layout of rows. Older ones are raised when opened, and their items read as they lie.

Version 1 told namespaces by their documents alone. Up to version 2 items were documents, and longer texts could be
sieved.
"""

_FINDS_SPACES = 2
_NO_INDEX_DIMS = 2
_GRAPH: CreateHNSWConfiguration = {"max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
"""A denser graph than Chroma's default, which loses neighbours where a tenth or more of the vectors are equal."""
_MIN_SYNC_THRESHOLD, _MAX_SYNC_THRESHOLD = 100, 1000
"""After how many rows Chroma writes its graph: in a small collection, and at most. See `_tune_sync_threshold`."""
_NEAR = 1.5
"""By what factor the present number may be off."""
_REQUESTS = 8
"""More at once only make the HTTP client open and close connections: with a hundred, ten times the work."""
_log = logging.getLogger(__name__)
_opening = threading.Lock()
"""Chroma keeps one system a folder and does not guard its making against two threads."""

_used = False
"""Whether the Chroma inside this process was ever at work in it."""
_lost = False
"""Whether this process was forked from one where it was: Chroma waits here for threads that did not come along."""


@dataclass(frozen=True, slots=True)
class OpenCollection:
    """An open collection."""

    client: Any
    """What it was opened with: Chroma's client that waits, or the one that is awaited."""
    rows: Any
    """Chroma's collection; Chroma's annotations refuse plain lists of floats."""
    dims: int
    """Length of its vectors."""
    batch: int
    """How many rows one write may hold."""
    gate: asyncio.Semaphore | None = None
    """How many requests may be under way at once, for the client that is awaited."""
    copies: HnswBackup | None = None
    """What keeps a folder's graphs from being torn."""
    crowded: set[Namespace] = field(default_factory=set)
    """Prefixes under which many rows were found."""

    def writing(self, rows: int) -> AbstractContextManager[None]:
        """Return the context in which some rows are written."""
        if self.copies is None:
            return nullcontext()
        return self.copies.guarded(self.rows.name, _often(self.rows), rows)


def open_location(place: StoreLocation, dims: int | None) -> OpenCollection:
    """Open a collection, or make it.

    Args:
        place: Where it lies.
        dims: Length of the vectors to be stored; None for a store without an index, which takes any.

    Raises:
        StoreError: If it cannot be opened, is open in another process, was made by something else or by a
            later version, or holds other vectors.
    """
    global _used
    if _lost and place.url is None:
        raise StoreError(
            f"The memory in {place} cannot be opened: this process was forked from one that had used Chroma, where "
            "it would hang. Start the process with `spawn` or `forkserver`, or use a server (`chroma run`, then url)."
        )
    with _opening, place.translate_errors("opened"):
        _used = _used or place.url is None
        shut, opened = place.is_closed, _connected(place, dims)
        if not shut or not _is_new_pace(place, opened):
            return opened
        # Chroma hears of it when it opens the folder.
        place.disconnect(opened.client)
        return _connected(place, dims)


def _connected(place: StoreLocation, dims: int | None) -> OpenCollection:
    client = place.connect()
    try:
        return run_sync(_open(client, place, dims))
    except BaseException:
        place.disconnect(client)
        raise


def _is_new_pace(place: StoreLocation, opened: OpenCollection) -> bool:
    """Settle the pace of a folder; where it cannot be written, as on a full disk, reading is to go on."""
    try:
        return run_sync(_tune_sync_threshold(opened.rows))
    except Exception as error:
        _log.warning("How often Chroma writes the graph in %s could not be settled: %s", place, error)
        place.discard_client(opened.client)
        return True


async def open_location_async(place: StoreLocation, dims: int | None) -> OpenCollection:
    """Open a collection of a server as `open_place` does, for the event loop that runs."""
    with place.translate_errors("opened"):
        opened = await _open(await place.connect_async(), place, dims)
        return replace(opened, gate=asyncio.Semaphore(_REQUESTS))


def close_location(place: StoreLocation, opened: OpenCollection) -> None:
    """Release a collection; what a process kept for itself is dropped."""
    with _opening, place.translate_errors("closed"):
        try:
            if place.ephemeral:
                opened.client.delete_collection(place.collection)
        finally:
            place.disconnect(opened.client)


def discard_location(place: StoreLocation, opened: OpenCollection) -> None:
    """Leave a folder whose Chroma has failed, for it to be opened anew by whoever comes next."""
    with _opening:
        place.discard_client(opened.client)
        place.disconnect(opened.client)


async def _open(client: Any, place: StoreLocation, dims: int | None) -> OpenCollection:
    copies = hnsw_backup(place.path) if place.path else None
    found = await _get_or_create(client, place, dims)
    if copies:
        await _catch_up(found, copies)
    held = await _dims(found, place)
    if dims not in (None, held):
        if await maybe_await(found.count()):
            raise StoreError(
                f"The collection {place.collection!r} in {place} holds vectors of {held} numbers, the index says "
                f"dims={dims}. Give the embedding it was made with, or another folder or collection."
            )
        await maybe_await(client.delete_collection(place.collection))
        found = await _get_or_create(client, place, dims)
        held = await _dims(found, place)
    return OpenCollection(client, found, held, await maybe_await(client.get_max_batch_size()), copies=copies)


async def _get_or_create(client: Any, place: StoreLocation, dims: int | None) -> Any:
    # A server cannot be opened anew when its memory has grown.
    hnsw: CreateHNSWConfiguration = {
        "space": "cosine",
        "sync_threshold": _MAX_SYNC_THRESHOLD if place.url else _MIN_SYNC_THRESHOLD,
    }
    if dims:
        hnsw |= _GRAPH
    made = client.get_or_create_collection(
        place.collection,
        configuration={"hnsw": hnsw},
        metadata={"hef:format": FORMAT, "hef:dims": dims or _NO_INDEX_DIMS},
        embedding_function=None,
    )
    return await maybe_await(made)


async def _tune_sync_threshold(found: Any) -> bool:
    """Settle how often Chroma writes its graph, and tell whether that is new.

    Each write of Chroma reads all rows again that the graph on the disk lacks, which at its own 1,000 takes several
    times as long as the write; and writing a graph takes the longer the more rows there are. The sum of both is least
    near the square root of the rows.
    """
    wanted = min(_MAX_SYNC_THRESHOLD, max(_MIN_SYNC_THRESHOLD, isqrt(await maybe_await(found.count()))))
    if wanted / _NEAR < _often(found) < wanted * _NEAR:
        return False
    await maybe_await(found.modify(configuration={"hnsw": {"sync_threshold": wanted}}))
    return True


async def _catch_up(found: Any, copies: HnswBackup) -> None:
    """Let Chroma write its graph now, where that is due, so that no later reading does: its copy would be too old."""
    if copies.is_due(found.name, _often(found)):
        with copies.guarded(found.name, _often(found)):
            await maybe_await(found.get(limit=1, include=[]))


def _often(found: Any) -> int:
    return int(found.configuration_json["hnsw"]["sync_threshold"])


async def _dims(found: Any, place: StoreLocation) -> int:
    kept = found.metadata or {}
    version = kept.get("hef:format")
    if not isinstance(version, int) or version < 1:
        raise StoreError(
            f"The collection {found.name!r} in {place} was not made by ChromaStore. Give another folder or collection."
        )
    if version > FORMAT:
        raise StoreError(
            f"The collection {found.name!r} in {place} was made by a later version of HEF (format {version}; this "
            f"one reads up to {FORMAT}). Update HEF, or give another folder or collection."
        )
    dims = int(kept["hef:dims"])
    if version < FORMAT:
        await _raise_format(found, kept, dims)
    return dims


async def _raise_format(found: Any, kept: dict[str, Any], dims: int) -> None:
    if kept["hef:format"] < _FINDS_SPACES:
        await _find_spaces(found, dims)
    await maybe_await(found.modify(metadata={**kept, "hef:format": FORMAT}))


async def _find_spaces(found: Any, dims: int) -> None:
    """Give the rows of namespaces the metadata they are found by; an interrupted run is done again."""
    spaces = await maybe_await(found.get(where={"space": True}, include=["documents"]))
    for row, document in zip(spaces["ids"], spaces["documents"], strict=True):
        if is_namespace_row(row):
            metadata = namespace_metadata(parse_namespace(document))
            await maybe_await(found.upsert(row, [list(blank(row, dims))], [metadata], [document]))


def _after_fork() -> None:
    global _opening, _lost
    _opening = threading.Lock()
    _lost = _lost or _used
    reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
