"""The `hef` command: replies, conversations, emotion reading, training and figures in a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command line; without `--debug`, what libraries say is kept out of its output.

    A command may end while the LLM is still being loaded. The interpreter would take itself down beneath that thread,
    which is in native code then and would abort the process; waiting for it would take seconds. So the process ends
    without the interpreter's farewell. Ctrl-C ends it quietly, also while it imports.
    """
    try:
        _run()
    except KeyboardInterrupt:
        _end_process(130)


def _run() -> None:
    from .app import app
    from .logging_setup import silence_libraries

    if "--debug" not in sys.argv and not os.environ.get("HEF_DEBUG"):
        silence_libraries()
    # Read when LangGraph is imported: what stands in a file of conversations can build no objects but those of a state.
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
    try:
        app()
    except SystemExit as end:
        from .build_graph import is_loading

        if is_loading():
            _end_process(end.code)
        raise


def _end_process(code: object) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


__all__ = ["main"]
