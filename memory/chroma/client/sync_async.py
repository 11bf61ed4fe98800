"""One body of code for Chroma's two clients: the one that waits in the thread, and the one that is awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from inspect import isawaitable
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


async def maybe_await(call: _T | Awaitable[_T]) -> _T:
    """Return what a client answers, awaited where it is the asynchronous one."""
    return cast("_T", await call if isawaitable(call) else call)


def run_sync(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine over the client that waits, which never leaves anything to await, without an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("_T", done.value)
    work.close()
    raise RuntimeError("A coroutine that had to be awaited was run without an event loop.")
