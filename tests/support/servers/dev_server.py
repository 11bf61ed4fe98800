"""A real `langgraph dev` on a free port, offline and without a key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents import ROOT
from server_process import free_port, server_process


@contextmanager
def dev_server(folder: Path, config: Path = ROOT / "langgraph.json", **environment: str) -> Iterator[str]:
    """Serve the project by a configuration of it from a folder of its own, and yield the server's address."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["dependencies"] = [str((config.parent / path).resolve()) for path in settings["dependencies"]]
    if auth := settings.get("auth"):
        auth["path"] = str(config.parent / auth["path"])
    (folder / "langgraph.json").write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("LANGSMITH")}
    env |= {"LANGGRAPH_CLI_NO_ANALYTICS": "1", **environment}
    langgraph = Path(sys.executable).parent / "langgraph"
    command = [str(langgraph), "dev", "--no-browser", "--no-reload", "--port", str(port), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    with server_process(command, f"{url}/ok", folder / "log.txt", cwd=folder, env=env):
        yield url
