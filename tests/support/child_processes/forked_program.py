"""A program forked from a process that has imported what it needs, in a terminal of its own."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from processes import fresh


class ForkedProgram:
    """A Python script in a new process and session, as `subprocess.Popen` would run it in a terminal.

    It spares starting Python and importing, which takes longer than most of what such a program is asked to do here.

    Args:
        command: Path of the script, and its arguments.
        terminal: Path of the terminal that it reads and writes.
        environment: Its environment.
    """

    def __init__(self, command: Sequence[str], terminal: str, environment: Mapping[str, str]) -> None:
        self._child: Any = fresh().Process(target=_run, args=(list(command), terminal, dict(environment)))
        self._child.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return int(self._child.pid)

    def kill(self) -> None:
        """Kill the process."""
        self._child.kill()

    def wait(self, seconds: float) -> int:
        """Wait for the end, and return the exit code."""
        self._child.join(seconds)
        assert self._child.exitcode is not None, "the program goes on"
        return int(self._child.exitcode)


def _run(command: list[str], terminal: str, environment: dict[str, str]) -> None:
    os.setsid()
    file = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for standard in range(3):
        os.dup2(file, standard)
    os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")
