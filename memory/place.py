"""Where the memory lies: a folder, a Chroma server, or this process alone."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ..contract import SetupError, StoreError

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api import ClientAPI
    from chromadb.api.client import Client
    from chromadb.api.collection_configuration import CreateHNSWConfiguration

_FORMAT = 1
_NO_INDEX_DIMS = 2
_GRAPH: CreateHNSWConfiguration = {"max_neighbors": 32, "ef_construction": 200, "ef_search": 200}
"""A denser graph than Chroma's default, which loses neighbours where a tenth or more of the vectors are equal."""
_OPENING = threading.Lock()
"""Chroma keeps one system a folder and does not guard its making against two threads."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a collection is found."""

    path: Path | None
    """The folder, for a memory that lasts."""
    url: str | None
    """Address of a `chroma run` server, for a memory that several processes share."""
    collection: str
    """Name of the collection."""

    @classmethod
    def of(cls, path: Path | str | None, url: str | None, collection: str) -> Place:
        """Return the place that the arguments of a store describe.

        Raises:
            SetupError: If both a path and a URL are given, or the URL is none.
        """
        if path is not None and url is not None:
            raise SetupError(f"The memory was given path={str(path)!r} and url={url!r}; give one of the two.")
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise SetupError(f"The memory was given url={url!r}; expected something like http://localhost:8000.")
        if path is None and url is None:
            # All in-memory clients of a process share their collections.
            collection = f"{collection}-{uuid.uuid4().hex}"
        return cls(None if path is None else Path(path).expanduser().absolute(), url, collection)

    def __str__(self) -> str:
        return str(self.path or self.url or "this process")

    @property
    def ephemeral(self) -> bool:
        """Whether the memory ends with the process."""
        return self.path is None and self.url is None

    def connect(self) -> Client:
        """Return a client of the place; the caller closes it."""
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        client: ClientAPI
        if self.url is not None:
            parts = urlsplit(self.url)
            port = parts.port or (443 if parts.scheme == "https" else 8000)
            client = chromadb.HttpClient(str(parts.hostname), port, parts.scheme == "https", settings=settings)
        elif self.path is None:
            client = chromadb.EphemeralClient(settings)
        else:
            _prepare(self.path)
            try:
                client = chromadb.PersistentClient(self.path, settings)
            except BaseException:
                _forget_system(str(self.path))
                raise
        # Chroma annotates the interface, which lacks `close`.
        return cast("Client", client)

    @contextmanager
    def faults(self, doing: str) -> Iterator[None]:
        """Turn whatever Chroma raises into a `StoreError` that says where and what to do."""
        try:
            yield
        except StoreError:
            raise
        except BaseException as error:
            # A panic of Chroma's Rust part is no `Exception`.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise StoreError(f"The memory in {self} could not be {doing}: {error}. {self._advice()}") from error

    def _advice(self) -> str:
        if self.url is not None:
            return "Start the server with `chroma run`, or give the address it listens on."
        return "Check that it may be written and has room; if it is damaged, restore a copy or give another folder."


def _prepare(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The memory folder {path} cannot be made: {error.strerror}. Give a folder you may write to."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError(f"The memory folder {path} is not writable. Change its permissions or give another.")


def _forget_system(path: str) -> None:
    """Drop the broken system that Chroma keeps after a failed opening, so that a repaired folder opens."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if path not in SharedSystemClient._identifier_to_refcount:
        SharedSystemClient._identifier_to_system.pop(path, None)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open collection."""

    client: Client
    """What it was opened with."""
    collection: Collection
    """The rows."""
    dims: int
    """Length of its vectors."""
    batch: int
    """How many rows one write may hold."""
    process: int
    """Id of the process that opened it."""


def open_place(place: Place, dims: int | None) -> Opened:
    """Open a collection, or make it.

    Args:
        place: Where it lies.
        dims: Length of the vectors to be stored; None for a store without an index, which takes any.

    Raises:
        StoreError: If it cannot be opened, was made by something else, or holds other vectors.
    """
    with _OPENING, place.faults("opened"):
        client = place.connect()
        try:
            collection, held = _collection(client, place, dims)
            return Opened(client, collection, held, client.get_max_batch_size(), os.getpid())
        except BaseException:
            client.close()
            raise


def close_place(place: Place, opened: Opened) -> None:
    """Release a collection; what a process kept for itself is dropped."""
    with _OPENING, place.faults("closed"):
        if place.ephemeral:
            opened.client.delete_collection(place.collection)
        opened.client.close()


def _collection(client: ClientAPI, place: Place, dims: int | None) -> tuple[Collection, int]:
    found = _get_or_create(client, place.collection, dims)
    held = _dims(found, place)
    if dims in (None, held):
        return found, held
    if found.count():
        raise StoreError(
            f"The collection {place.collection!r} in {place} holds vectors of {held} numbers, the index says "
            f"dims={dims}. Give the embedding it was made with, or another folder or collection."
        )
    client.delete_collection(place.collection)
    found = _get_or_create(client, place.collection, dims)
    return found, _dims(found, place)


def _get_or_create(client: ClientAPI, name: str, dims: int | None) -> Collection:
    hnsw: CreateHNSWConfiguration = {"space": "cosine"}
    if dims:
        hnsw |= _GRAPH
    return client.get_or_create_collection(
        name,
        configuration={"hnsw": hnsw},
        metadata={"hef:format": _FORMAT, "hef:dims": dims or _NO_INDEX_DIMS},
        embedding_function=None,
    )


def _dims(found: Collection, place: Place) -> int:
    kept = found.metadata or {}
    if kept.get("hef:format") != _FORMAT:
        raise StoreError(
            f"The collection {place.collection!r} in {place} was not made by this version of ChromaStore. "
            "Give another folder or collection."
        )
    return int(kept["hef:dims"])
