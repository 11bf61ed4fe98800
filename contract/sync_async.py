"""One body of code for synchronous and asynchronous callers: written async once, driven synchronously where needed.

And what a synchronous caller lacks of an asynchronous one: a limit on how long a call may take in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from threading import Thread
from typing import Any, TypeVar, cast

_T = TypeVar("_T")
CLOSED_LOOPS = 5
"""How often a call is made again that met a connection of an event loop that has ended."""


async def maybe_await(value: _T | Awaitable[_T]) -> _T:
    """Return a value, awaited first where it comes from an asynchronous method."""
    return cast("_T", await value if isawaitable(value) else value)


def is_closed_loop(error: BaseException | None) -> bool:
    """Return whether an error, or what caused it, comes of a connection of an event loop that has ended."""
    if error is None:
        return False
    is_one = isinstance(error, RuntimeError) and str(error) == "Event loop is closed"
    return is_one or is_closed_loop(error.__cause__)


async def past_closed_loops(call: Callable[[], Awaitable[_T]], has_begun: Callable[[], bool] = lambda: False) -> _T:
    """Return what a call gives, made again at once where a connection of an event loop that has ended was in its way.

    A client that several event loops share, as those of LangChain's chat models where each turn has its `asyncio.run`,
    keeps such connections, and fails as it closes one. The next call no longer meets that one.

    Args:
        call: The call.
        has_begun: Whether something of its answer was passed on, so that another answer would follow it.
    """
    for _ in range(CLOSED_LOOPS):
        try:
            return await call()
        except Exception as error:
            if not is_closed_loop(error) or has_begun():
                raise
    return await call()


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


async def call_host(function: Callable[..., Any], *arguments: Any, asynchronous: bool) -> Any:
    """Return what a host's function returns, which may be synchronous or asynchronous, as may the graph that calls it.

    Args:
        function: The function.
        arguments: What it is called with.
        asynchronous: Whether the caller has an event loop, which a synchronous function then does not block. Without
            one, an asynchronous function gets an event loop and a thread of its own.
    """
    if asynchronous:
        is_coroutine = iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)
        called = function(*arguments) if is_coroutine else asyncio.to_thread(function, *arguments)
        return await maybe_await(await called)
    value = function(*arguments)
    if not isawaitable(value):
        return value

    async def wait() -> Any:
        return await value

    with ThreadPoolExecutor(1, thread_name_prefix="call-host") as executor:
        return executor.submit(copy_context().run, asyncio.run, wait()).result()


def call_within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return what a call returns, or stop waiting for it.

    Sockets limit the time of each read, so a server that sends a byte now and then would hold its caller for ever. The
    call runs in a thread of its own, which goes on by itself once nobody waits for it and does not outlast the process.

    Raises:
        TimeoutError: It took longer.
    """
    return start_thread(call).result(seconds)


async def call_in_thread(function: Callable[..., _T], *arguments: Any) -> _T:
    """Return what a function returns that blocks, from a thread that no other call of the event loop is waiting for."""
    return await asyncio.wrap_future(start_thread(partial(function, *arguments)))


def start_thread(call: Callable[[], _T]) -> Future[_T]:
    """Begin a call in a thread of its own and return its result to come; it does not outlast the process."""
    result: Future[_T] = Future()
    result.set_running_or_notify_cancel()  # so that nobody who waits can cancel what runs

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=copy_context().run, args=(run,), daemon=True, name="hef-call").start()
    return result
