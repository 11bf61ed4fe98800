"""The embedded set-up speaks to nobody: not through Python, and not through native code."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "child_processes" / "lonely_turn.py"
QUIET = {"ANONYMIZED_TELEMETRY", "CI", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE"} | {
    "ORT_DISABLE_TELEMETRY",
    "ORT_RUNNING_UNIT_TESTS",
    "TRANSFORMERS_OFFLINE",
}
"""What keeps some library from calling home, or makes it believe that it need not."""


def alone(argument: str) -> dict[str, Any]:
    """Run the script as a host would, with no setting that keeps a library quiet, in a network of its own if may be."""
    surroundings = {name: value for name, value in os.environ.items() if name not in QUIET}
    command = [*namespace(), sys.executable, str(SCRIPT), argument]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(ast.literal_eval(done.stdout.splitlines()[-1]))


def namespace() -> list[str]:
    """Return the command that gives a process a network without any route, nothing where that is not allowed."""
    unshare = shutil.which("unshare")
    command = [unshare, "--map-root-user", "--net"] if unshare else []
    return command if command and subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


def test_the_guard_hears_a_connection() -> None:
    heard = alone("connect")

    assert heard["tried"] == ["socket.connect 192.0.2.1"]
    if namespace():
        assert heard["unreachable"] == 1


def test_a_turn_with_memory_connects_to_nothing(tmp_path: Path) -> None:
    heard = alone(str(tmp_path))

    assert heard["tried"] == []
    if not namespace():
        pytest.skip("no network namespace may be made here: only connections that Python makes were heard")
    assert heard["unreachable"] == 0
