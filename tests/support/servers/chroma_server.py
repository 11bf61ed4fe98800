"""A `chroma run` server for tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server_process import free_port, server_process

CHROMA = "import sys, chromadb_rust_bindings; chromadb_rust_bindings.cli(['chroma', *sys.argv[1:]])"
"""What the command `chroma` runs, which takes two seconds to import the Python client that it does not use."""


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    """Run a server on a free port over a folder, and yield its address."""
    port = free_port()
    command = [sys.executable, "-c", CHROMA, "run"]
    command += ["--path", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with server_process(command, f"{url}/api/v2/heartbeat", folder / "log.txt"):
        yield url
