"""A real `langgraph dev` on a free port, offline and without a key."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from documents import ROOT


@contextmanager
def dev_server(folder: Path, **environment: str) -> Iterator[str]:
    """Yield the address of a server that serves the project from a folder of its own."""
    (folder / "langgraph.json").write_text((ROOT / "langgraph.json").read_text().replace('["."]', f'["{ROOT}"]'))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LANGSMITH")}
    env |= {"LANGGRAPH_CLI_NO_ANALYTICS": "1", **environment}
    command = ["langgraph", "dev", "--no-browser", "--no-reload", "--port", str(port), "--host", "127.0.0.1"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=folder, env=env, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, folder / "log.txt")
            yield url
        finally:
            process.terminate()
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/ok", timeout=2).is_success:
                return
        except httpx.TransportError:
            continue
    raise AssertionError(f"the server did not start:\n{log.read_text()[-4000:]}")
