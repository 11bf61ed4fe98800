"""A real `langgraph dev` on a free port, offline and without a key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from documents import ROOT
from hef.llm import prepare_embedded
from server_process import free_port, server_process


@contextmanager
def dev_server(folder: Path, config: Path = ROOT / "langgraph.json", **environment: str) -> Iterator[str]:
    """Serve the project by a configuration of it from a folder of its own, and yield the server's address.

    A `HEF_HOME` in the environment is a new folder, but for the converted weights of the embedded model.
    """
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["dependencies"] = [str((config.parent / path).resolve()) for path in settings["dependencies"]]
    if auth := settings.get("auth"):
        auth["path"] = str(config.parent / auth["path"])
    (folder / "langgraph.json").write_text(json.dumps(settings), encoding="utf-8")
    if home := environment.get("HEF_HOME"):
        _share_weights(Path(home))
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("LANGSMITH")}
    env |= {"LANGGRAPH_CLI_NO_ANALYTICS": "1", **environment}
    langgraph = Path(sys.executable).parent / "langgraph"
    command = [str(langgraph), "dev", "--no-browser", "--no-reload", "--port", str(port), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    with server_process(command, f"{url}/ok", folder / "log.txt", cwd=folder, env=env):
        yield url


def _share_weights(home: Path) -> None:
    """Give a home the converted weights of this process's cache: converting them anew takes half a minute of CPU."""
    weights = prepare_embedded().parent
    home.mkdir(exist_ok=True)
    (home / "cache").symlink_to(weights, target_is_directory=True)
