"""A server in a process of its own, on a free port, for as long as a test needs it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

POLL_SECONDS = 0.1
"""Time between two requests to a server that is starting; without it, asking would take the core that it starts on."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server_process(
    command: Sequence[str],
    health_url: str,
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    patience: float = 120,
) -> Iterator[None]:
    """Run a server until the block ends; the block begins when the server answers.

    Args:
        command: Program and arguments.
        health_url: Address that answers with success once the server is ready.
        log: File for what the server prints.
        cwd: Folder to run it in; None is this process's.
        env: Its environment; None is this process's.
        patience: Seconds to wait for the first answer.

    Raises:
        AssertionError: It ended or did not answer in time; the message holds the end of the log.
    """
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output)
        try:
            _wait_for_answer(health_url, process, log, patience)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait_for_answer(url: str, process: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    with httpx.Client(timeout=10) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                pass
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    raise AssertionError(f"the server did not start:\n{log.read_text()[-4000:]}")
