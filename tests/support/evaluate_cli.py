"""`hef evaluate` in the test's own process, and what the person says in its three small conversations."""

from __future__ import annotations

from typing import Any

from hef.cli.app import app
from typer.testing import CliRunner

SAID = {"sad": "My dog died last night.", "joyful": "My baby girl was born today!", "proud": "My son won the race."}
"""Emotion -> what is said."""


def evaluate(*arguments: object) -> Any:
    """Return the outcome of `hef evaluate`."""
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
