"""The `hef` command: replies, conversations, emotion reading, training and figures in a terminal."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; without `--debug`, what libraries say is kept out of its output."""
    from .app import app
    from .logging_setup import silence_libraries

    if "--debug" not in sys.argv and not os.environ.get("HEF_DEBUG"):
        silence_libraries()
    app()


__all__ = ["main"]
