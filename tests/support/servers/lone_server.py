"""`hef serve chat` in a process of its own, with what it keeps in a folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving_site import ChatProcess

_READY = re.compile(r"serving at (http://[\w.:]+)/v1")
_SHARED = ("HEF_POSTGRES_URL", "HEF_CHROMA_URL", "HEF_USER", "HEF_KEYS", "HEF_JWT_SECRET")


@contextmanager
def lone_server(home: Path, llm_url: str, *arguments: str, **variables: str) -> Iterator[ChatProcess]:
    """Run a server until the block ends, which begins when it answers.

    Args:
        home: Its home folder.
        llm_url: Address of its LLM.
        arguments: Of the command.
        variables: Of its environment.
    """
    command = [sys.executable, "-m", "hef.cli", "serve", "chat", "--port", "0", *arguments]
    own = {"HEF_HOME": str(home), "HEF_MODEL": "openai:stub", "OPENAI_BASE_URL": llm_url, "OPENAI_API_KEY": "none"}
    environment = {name: value for name, value in os.environ.items() if name not in _SHARED} | own | variables
    # What it prints later is read by nobody, and little.
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home.parent
    )
    try:
        assert process.stdout
        printed: list[str] = []
        while not (ready := _READY.search(line := process.stdout.readline())):
            printed.append(line)
            assert line, "".join(printed)
        yield ChatProcess(ready[1], process)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout and process.stdout.close()
