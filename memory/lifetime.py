"""How long a stored turn is kept: until its `expires`, a pinned one for good; and which turns nobody is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from langgraph.store.base import BaseStore

_SECONDS_PER_MINUTE, _SECONDS_PER_DAY = 60, 86_400
SET_ASIDE = "set_aside"
"""Field of a stored turn that is true where its conversation holds other words in its place, for now."""
SET_ASIDE_DAYS = 7.0
"""Days for which a turn is kept that is set aside, where the store can delete by time."""


def expiry(days: float | None, since: float) -> float | None:
    """Return the Unix time until which a turn is kept, None where it is kept for good.

    Args:
        days: For how many days.
        since: When it was said, as Unix time.
    """
    return None if days is None else since + days * _SECONDS_PER_DAY


def has_expired(value: Mapping[str, Any], now: float | None = None) -> bool:
    """Return whether the time of a stored turn is over; that of a pinned one never is.

    A store with a time to live deletes it then, see `lifetime`; another one keeps it, and nobody is shown it.
    """
    expires = value.get("expires")
    if value.get("pinned") is True or not isinstance(expires, int | float) or isinstance(expires, bool):
        return False
    return expires <= (time.time() if now is None else now)


def is_hidden(value: Mapping[str, Any], now: float | None = None) -> bool:
    """Return whether nobody is shown a stored turn: its time is over, or it is set aside."""
    return value.get(SET_ASIDE) is True or has_expired(value, now)


def lifetime(store: BaseStore, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return how long a store keeps a turn, as arguments of a put; empty where the store's own default counts."""
    if not store.supports_ttl:
        return {}
    if value.get("pinned"):
        return {"ttl": None}
    ends = [value["expires"]] if value.get("expires") is not None else []
    if value.get(SET_ASIDE) is True:
        ends.append(time.time() + SET_ASIDE_DAYS * _SECONDS_PER_DAY)
    return {"ttl": (min(ends) - time.time()) / _SECONDS_PER_MINUTE} if ends else {}


def refreshes(store: BaseStore) -> bool:
    """Return whether the time to live of what is read begins again: only where the store is configured so."""
    return store.ttl_config is not None and store.ttl_config.get("refresh_on_read", True)
