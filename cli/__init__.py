"""The `hef` command: replies, conversations, emotion reading, training and figures in a terminal."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from .app import app

    app()


__all__ = ["main"]
