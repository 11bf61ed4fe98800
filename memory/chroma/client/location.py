"""Where the memory lies: a folder, a Chroma server, or this process alone."""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from ....contract import SetupError, StoreError
from ..disk.damage import check_files
from ..disk.folder_lock import acquire, release
from ..disk.hnsw_backup import forget, is_tracked, restore_torn
from ..disk.sqlite_release import wait_until_closed

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.async_client import AsyncClient
    from chromadb.api.client import Client

_known_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


class ChromaError(StoreError):
    """Chroma itself failed, not what it was asked."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where a collection is found."""

    path: Path | None
    """The folder, for a memory that lasts."""
    url: str | None
    """Address of a `chroma run` server, for a memory that several processes share."""
    collection: str
    """Name of the collection."""

    @classmethod
    def of(cls, path: Path | str | None, url: str | None, collection: str) -> StoreLocation:
        """Return the place that the arguments of a store describe.

        Raises:
            SetupError: If both a path and a URL are given, or the URL is none.
        """
        if path is not None and url is not None:
            raise SetupError(f"The memory was given path={str(path)!r} and url={url!r}; give one of the two.")
        if url is not None and not _is_address(url):
            raise SetupError(f"The memory was given url={url!r}; expected something like http://localhost:8000.")
        if path is None and url is None:
            # All in-memory clients of a process share their collections.
            collection = f"{collection}-{uuid.uuid4().hex}"
        # One folder under two names would be opened twice by Chroma.
        return cls(None if path is None else Path(path).expanduser().resolve(), url, collection)

    def __str__(self) -> str:
        return str(self.path or self.url or "this process")

    @property
    def ephemeral(self) -> bool:
        """Whether the memory ends with the process."""
        return self.path is None and self.url is None

    def connect(self) -> Client:
        """Return a client of the place; `disconnect` closes it. A folder is held until then."""
        import chromadb

        client: ClientAPI
        if self.url is not None:
            client = chromadb.HttpClient(*self._address(), settings=_settings())
        elif self.path is None:
            client = chromadb.EphemeralClient(_settings())
        else:
            client = _open_folder(self.path)
        # Chroma annotates the interface, which lacks `close`.
        return cast("Client", client)

    async def connect_async(self) -> AsyncClient:
        """Return an asynchronous client of a server, for the event loop that runs."""
        import chromadb
        from chromadb.api.async_fastapi import AsyncFastAPI

        loop = asyncio.get_running_loop()
        if loop not in _known_loops:
            # Chroma keeps connections by the hash of their loop, which a new loop may share with one that is gone.
            AsyncFastAPI._clients.pop(hash(loop), None)
            _known_loops.add(loop)
        return cast("AsyncClient", await chromadb.AsyncHttpClient(*self._address(), settings=_settings()))

    def is_current(self, client: Client) -> bool:
        """Tell whether the Chroma that a client of a folder speaks to is still the one that has it open."""
        return self.path is None or _system_of(client) is not None

    @property
    def is_closed(self) -> bool:
        """Whether it is a folder that no Chroma of this process has open."""
        return self.path is not None and not _is_open(self.path)

    def discard_client(self, client: Client) -> None:
        """Drop the Chroma that has the folder open, so that the next client gets a new one.

        After a write that failed for want of room, Chroma keeps a transaction open for which all later ones wait.
        """
        system = _system_of(client)
        if system is not None:
            kept = type(client)
            kept._identifier_to_system.pop(client._identifier, None)
            kept._identifier_to_refcount.pop(client._identifier, None)
            system.stop()
            if self.path is not None:
                wait_until_closed(self.path)

    def disconnect(self, client: Client) -> None:
        """Close a client and, with the last one of a folder, let other processes have it."""
        try:
            # Chroma counts clients by folder, and would count one of an abandoned Chroma against the new one.
            if self.is_current(client):
                client.close()
                if self.path is not None and not _is_open(self.path) and wait_until_closed(self.path):
                    forget(self.path)
        finally:
            if self.path is not None:
                release(self.path)

    @contextmanager
    def translate_errors(self, doing: str) -> Iterator[None]:
        """Turn whatever Chroma raises into a `StoreError` that says where and what to do."""
        try:
            yield
        except StoreError:
            raise
        except BaseException as error:
            # A panic of Chroma's Rust part is no `Exception`.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ChromaError(f"The memory in {self} could not be {doing}: {error}. {self._advice()}") from error

    def _advice(self) -> str:
        if self.url is not None:
            return "Start the server with `chroma run`, or give the address it listens on."
        return "Check that it may be written and has room; if it is damaged, restore a copy or give another folder."

    def _address(self) -> tuple[str, int, bool]:
        parts = urlsplit(str(self.url))
        secure = parts.scheme == "https"
        return str(parts.hostname), parts.port or (443 if secure else 8000), secure


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _settings() -> Any:
    from chromadb.config import Settings

    # Clients of one folder must have the same.
    return Settings(anonymized_telemetry=False)


def _open_folder(path: Path) -> ClientAPI:
    import chromadb

    acquire(path)
    try:
        if not is_tracked(path) and not _is_open(path):
            restore_torn(path)
        check_files(path)
        return chromadb.PersistentClient(path, _settings())
    except BaseException:
        if not _is_open(path):
            forget(path)
        _forget_system(path)
        release(path)
        raise


def _system_of(client: Client) -> Any:
    """Return the system that a client speaks to, None if Chroma keeps another for its folder by now."""
    from chromadb.api import ServerAPI

    server: Any = ServerAPI
    system = type(client)._identifier_to_system.get(client._identifier)
    return system if system is not None and system.instance(server) is client._server else None


def _is_open(path: Path) -> bool:
    """Tell whether a Chroma of this process has a folder open, for a store or for somebody else."""
    from chromadb.api.shared_system_client import SharedSystemClient

    return str(path) in SharedSystemClient._identifier_to_refcount


def _forget_system(path: Path) -> None:
    """Drop the broken system that Chroma keeps after a failed opening, so that a repaired folder opens."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if not _is_open(path):
        SharedSystemClient._identifier_to_system.pop(str(path), None)
