"""A deployment of HEF for tests: PostgreSQL, Chroma, an LLM server and workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chroma_server import chroma_server
from documents import ROOT
from llm_server import llm_server
from postgres_server import postgres_server


class Site:
    """The services that outlive a worker; the stack closes them.

    The LLM stops answering after `replies` replies, until `llm.opened` is set.
    """

    def __init__(self, folder: Path, stack: ExitStack, *, replies: int, at_once: int) -> None:
        self.postgres = stack.enter_context(postgres_server())
        self.chroma = stack.enter_context(chroma_server(folder))
        self.llm = stack.enter_context(llm_server(until=replies))
        self._stack, self._folder, self._at_once = stack, folder, at_once

    def settings(self, key: str) -> dict[str, str]:
        """Return the environment of a worker; its API key names it to the LLM."""
        return {
            "HEF_POSTGRES_URL": self.postgres,
            "HEF_CHROMA_URL": self.chroma,
            "HEF_MODEL": "openai:stub",
            "HEF_AT_ONCE": str(self._at_once),
            "OPENAI_BASE_URL": self.llm.url,
            "OPENAI_API_KEY": key,
        }

    def worker(self, key: str) -> subprocess.Popen[str]:
        """Start a worker, which prints a line when it is ready and one per turn."""
        log = self._stack.enter_context((self._folder / f"{key}.log").open("w"))
        command = [sys.executable, str(ROOT / "deploy" / "worker.py")]
        environment = {**os.environ, **self.settings(key)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def wait_for(self, worker: subprocess.Popen[str]) -> None:
        """Wait until a worker is ready."""
        assert worker.stdout
        line = worker.stdout.readline()
        assert line, [log.read_text() for log in self._folder.glob("*.log")]
        assert json.loads(line) == {"ready": True}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        import psycopg

        with psycopg.connect(self.postgres) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query.encode()).fetchall()
            return rows
