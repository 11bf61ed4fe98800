"""Serving an application until the process is asked to end: running replies are ended, then the rest is closed."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ..contract import SetupError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_IDLE_SECONDS = 75
"""Time that a connection is kept for a client's next request; longer than clients keep theirs."""
_LAST_SECONDS = 5
"""Time after the end of the last reply in which its client gets it."""


class HttpServer(uvicorn.Server):
    """A server that returns after a signal, so that its caller can close what the application used.

    uvicorn's own raises the signal again, which ends the process there and then.
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end the server, and a second Ctrl-C the replies that still run."""
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, RuntimeError, ValueError):  # outside of the main thread there are none
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections; port 0 is a free one.

    Raises:
        SetupError: Nobody can listen there.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetupError(f"nobody can listen at {host}, port {port}: {reason}; give another port or address") from None


async def serve_app(
    app: ASGIApp, listener: socket.socket, *, shutdown_seconds: int, on_ready: Callable[[], None]
) -> None:
    """Serve until a signal comes; running replies then have some seconds to end.

    Args:
        app: The application.
        listener: Where it listens, see `listen`.
        shutdown_seconds: Seconds that running replies have.
        on_ready: Called when requests are answered.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    settings: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "ws": "none"}
    config = uvicorn.Config(
        app,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds + _LAST_SECONDS,
        **settings,
    )
    await HttpServer(config, on_ready).serve([listener])
