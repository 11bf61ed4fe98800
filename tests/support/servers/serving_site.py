"""A deployment of HEF for tests: PostgreSQL, Chroma, an LLM server and chat servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chroma_server import chroma_server
from llm_server import llm_server
from postgres_server import postgres_server

_READY = re.compile(r"serving at (http://[\w.:]+)/v1")


@dataclass(frozen=True, slots=True)
class ChatProcess:
    """A process that serves."""

    url: str
    """Its address, without `/v1`."""
    process: subprocess.Popen[str]
    """What runs."""


class Site:
    """The services that outlive a chat server; the stack closes them.

    The LLM stops answering after `replies` replies, until `llm.opened` is set.
    """

    def __init__(self, folder: Path, stack: ExitStack, *, replies: int) -> None:
        self.postgres = stack.enter_context(postgres_server())
        self.chroma = stack.enter_context(chroma_server(folder))
        self.llm = stack.enter_context(llm_server(until=replies))
        self._stack, self._folder = stack, folder

    def settings(self, key: str) -> dict[str, str]:
        """Return the environment of a chat server; its API key names it to the LLM."""
        return {
            "HEF_POSTGRES_URL": self.postgres,
            "HEF_CHROMA_URL": self.chroma,
            "HEF_HOME": str(self._folder / key),
            "HEF_MODEL": "openai:stub",
            "OPENAI_BASE_URL": self.llm.url,
            "OPENAI_API_KEY": key,
        }

    def serve(self, *keys: str) -> list[ChatProcess]:
        """Start chat servers, and return them when they are ready."""
        processes = [self._start(key) for key in keys]
        return [ChatProcess(self._address(process), process) for process in processes]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        import psycopg

        with psycopg.connect(self.postgres) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query.encode()).fetchall()
            return rows

    def _start(self, key: str) -> subprocess.Popen[str]:
        log = self._stack.enter_context((self._folder / f"{key}.log").open("w"))
        command = [sys.executable, "-m", "hef.cli", "serve", "chat", "--port", "0"]
        environment = {**os.environ, **self.settings(key)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _address(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout
        line = process.stdout.readline()
        found = _READY.search(line)
        assert found, [line, *(log.read_text() for log in self._folder.glob("*.log"))]
        return found[1]
