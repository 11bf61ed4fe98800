"""A chat completions server in this process, on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server that runs."""

    url: str
    """Its address, without `/v1`."""
    server: uvicorn.Server
    """What serves."""


@contextmanager
def chat_server(app: Any) -> Iterator[ChatServer]:
    """Serve an application in a thread."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield ChatServer(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", server)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
