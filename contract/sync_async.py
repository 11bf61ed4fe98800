"""One body of code for synchronous and asynchronous callers: written async once, driven synchronously where needed."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from inspect import isawaitable
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


async def maybe_await(value: _T | Awaitable[_T]) -> _T:
    """Return a value, awaited first where it comes from an asynchronous method."""
    return cast("_T", await value if isawaitable(value) else value)


def run_sync(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine without an event loop; all that it awaits must be ready, as with synchronous methods.

    Raises:
        RuntimeError: The coroutine awaited something that needs an event loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return cast("_T", finished.value)
    coroutine.close()
    raise RuntimeError("A coroutine that awaits something pending was run without an event loop.")
