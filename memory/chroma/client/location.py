"""Location of a memory (a folder, a Chroma server, or this process alone), and the clients that open it."""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from ....contract import SetupError, StoreError
from ....contract.errors import StoreTimeoutError, is_timeout
from ..chroma_internals import (
    check_schema,
    current_system,
    forget_failed_system,
    forget_loop_connections,
    has_clients,
    limit_requests,
    stop_system,
    wait_until_closed,
)
from ..disk.disk_room import keep_reserve
from ..disk.folder_lock import acquire, release
from ..disk.hnsw_files import check_files, forget, is_tracked, restore_torn

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.async_client import AsyncClient
    from chromadb.api.client import Client

_DEFAULT_PORT = 8000
"""Port of `chroma run`."""
SERVER_SECONDS = 20.0
"""Time that a server has for each answer; Chroma's own clients would wait for ever."""
_known_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


class ChromaError(StoreError):
    """Chroma itself failed, whatever it was asked."""


class ChromaTimeoutError(ChromaError, StoreTimeoutError):
    """A server did not answer in time."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where a collection is found."""

    path: Path | None
    """The folder, for a memory that lasts."""
    url: str | None
    """Address of a `chroma run` server, for a memory that several processes share."""
    collection: str
    """Name of the collection."""
    wait: float = field(default=0.0, compare=False)
    """Seconds to wait for another process that has the folder open."""

    @classmethod
    def from_arguments(
        cls, path: Path | str | None, url: str | None, collection: str, wait: float = 0.0
    ) -> StoreLocation:
        """Return the location that the arguments of a store describe.

        Raises:
            SetupError: If both a path and a URL are given, or the URL is invalid.
        """
        if path is not None and url is not None:
            raise SetupError(f"The memory was given path={str(path)!r} and url={url!r}; give one of the two.")
        if url is not None and not is_http_url(url):
            raise SetupError(f"The memory was given url={url!r}; expected something like http://localhost:8000.")
        if path is None and url is None:
            # All in-memory clients of a process share their collections.
            collection = f"{collection}-{uuid.uuid4().hex}"
        # One folder under two names would be opened twice by Chroma.
        return cls(None if path is None else Path(path).expanduser().resolve(), url, collection, wait)

    def __str__(self) -> str:
        return str(self.path or self.url or "this process")

    @property
    def is_ephemeral(self) -> bool:
        """Whether the memory ends with the process."""
        return self.path is None and self.url is None

    @property
    def is_closed(self) -> bool:
        """Whether it is a folder that no Chroma of this process has open."""
        return self.path is not None and not has_clients(self.path)

    def connect(self) -> Client:
        """Return a client; `disconnect` closes it. A folder stays locked until then."""
        import chromadb

        client: ClientAPI
        if self.url is not None:
            client = chromadb.HttpClient(*self._address(), settings=self._server_settings())
            limit_requests(client, SERVER_SECONDS)
        elif self.path is None:
            client = chromadb.EphemeralClient(_settings())
        else:
            client = _open_folder(self.path, self.wait)
        # Chroma annotates the interface, which lacks `close`.
        return cast("Client", client)

    async def connect_async(self) -> AsyncClient:
        """Return an asynchronous client of a server, for the running event loop."""
        import chromadb

        loop = asyncio.get_running_loop()
        if loop not in _known_loops:
            forget_loop_connections(loop)
            _known_loops.add(loop)
        client = await chromadb.AsyncHttpClient(*self._address(), settings=self._server_settings())
        return cast("AsyncClient", client)

    def check_server(self) -> None:
        """Ask a server whether it answers: Chroma's client speaks to it while it is made, and waits for ever.

        Raises:
            ChromaError: It does not.
        """
        if self.url is None:
            return
        import httpx

        with self.translate_errors("opened"):
            # Without TLS no certificates need be read, which takes longer than the answer.
            is_secure = self._address()[2]
            httpx.get(f"{self.url.rstrip('/')}/api/v2/heartbeat", timeout=SERVER_SECONDS, verify=is_secure)

    def is_current(self, client: Client) -> bool:
        """Return whether the Chroma that a client of a folder speaks to is still the one that has it open."""
        return self.path is None or current_system(client) is not None

    def discard_client(self, client: Client) -> None:
        """Drop the Chroma that has the folder open, so that the next client gets a new one.

        After a write that failed for lack of room, Chroma keeps a transaction open for which all later ones wait.
        """
        if stop_system(client) and self.path is not None:
            wait_until_closed(self.path)

    def disconnect(self, client: Client) -> None:
        """Close a client and, with the last one of a folder, let other processes open it."""
        try:
            # Chroma counts clients by folder, and would count one of a discarded Chroma against the new one.
            if self.is_current(client):
                client.close()
                if self.path is not None and not has_clients(self.path) and wait_until_closed(self.path):
                    forget(self.path)
        finally:
            if self.path is not None:
                release(self.path)

    @contextmanager
    def translate_errors(self, action: str) -> Iterator[None]:
        """Turn whatever Chroma raises into a `StoreError` that says where, and what to do.

        Args:
            action: What Chroma is asked for, as a past participle: "read", "written".
        """
        try:
            yield
        except StoreError:
            raise
        except BaseException as error:
            # A panic of Chroma's Rust part is not an `Exception`.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise (ChromaTimeoutError if is_timeout(error) else ChromaError)(
                f"The memory in {self} could not be {action}: {_reason(error)}. {self._advice()}"
            ) from error

    def _advice(self) -> str:
        if self.url is not None:
            return "Start the server with `chroma run`, or give the address it listens on."
        return "Check that it may be written and has room; if it is damaged, restore a copy or give another folder."

    def _server_settings(self) -> Any:
        """Return the settings of a server's client: Chroma's asynchronous one checks no certificate unless told to."""
        return _settings().model_copy(update={"chroma_server_ssl_verify": self._address()[2]})

    def _address(self) -> tuple[str, int, bool]:
        parts = urlsplit(str(self.url))
        is_secure = parts.scheme == "https"
        return str(parts.hostname), parts.port or (443 if is_secure else _DEFAULT_PORT), is_secure


def _reason(error: BaseException) -> str:
    if is_timeout(error):
        return f"the server gave no answer within {SERVER_SECONDS:g} s"
    return str(error)


def is_http_url(url: str) -> bool:
    """Return whether a text is the address of a server."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _settings() -> Any:
    """Return settings of a client's own, to which Chroma adds what it is opened with; those of one folder are equal."""
    return _default_settings().model_copy()


@cache
def _default_settings() -> Any:
    """Return Chroma's settings by the environment, which take as long to read as a small memory to open."""
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def _open_folder(path: Path, wait: float) -> ClientAPI:
    import chromadb

    acquire(path, wait)
    try:
        if not has_clients(path):
            check_schema(path)
            if not is_tracked(path):
                restore_torn(path)
        check_files(path)
        client = chromadb.PersistentClient(path, _settings())
        keep_reserve(path)
        return client
    except BaseException:
        if not has_clients(path):
            forget(path)
        forget_failed_system(path)
        release(path)
        raise
