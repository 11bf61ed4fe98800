"""When an item has expired."""

from __future__ import annotations

import time

from .rows import EXPIRES, Metadata


def now() -> float:
    """Return the time, in seconds since 1970."""
    return time.time()


def is_expired(metadata: Metadata) -> bool:
    """Tell whether the metadata of an item's first row say that its time is over."""
    expires = metadata.get(EXPIRES)
    return isinstance(expires, int | float) and expires <= now()
