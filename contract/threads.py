"""How many CPU threads a step of a local model may use."""

from __future__ import annotations

import os

from . import SetupError


def cpu_threads(given: int | None) -> int | None:
    """Return the number given, else `HEF_THREADS`, else None for the library's own choice.

    Raises:
        SetupError: `HEF_THREADS` is no number of threads.
    """
    if given is not None:
        return given
    named = os.environ.get("HEF_THREADS", "").strip()
    if named and not (named.isdigit() and int(named)):
        raise SetupError(f"HEF_THREADS is {named!r}; give a whole number from 1, or unset it")
    return int(named) if named else None
