"""A real `langgraph dev` on a free port, offline and without a key."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents import ROOT
from server_process import free_port, server_process


@contextmanager
def dev_server(folder: Path, **environment: str) -> Iterator[str]:
    """Serve the project from a folder of its own, and yield the server's address."""
    (folder / "langgraph.json").write_text((ROOT / "langgraph.json").read_text().replace('["."]', f'["{ROOT}"]'))
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("LANGSMITH")}
    env |= {"LANGGRAPH_CLI_NO_ANALYTICS": "1", **environment}
    langgraph = Path(sys.executable).parent / "langgraph"
    command = [str(langgraph), "dev", "--no-browser", "--no-reload", "--port", str(port), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    with server_process(command, f"{url}/ok", folder / "log.txt", cwd=folder, env=env):
        yield url
