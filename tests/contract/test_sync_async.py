"""One body for synchronous and asynchronous callers."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from threading import Event

import pytest
from hef.contract.sync_async import call_within, maybe_await, run_sync

NAME = ContextVar("NAME", default="")


async def _later(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def _plus_one(value: object) -> int:
    number: int = await maybe_await(value)  # type: ignore[arg-type]
    return number + 1


def test_a_plain_value_needs_no_event_loop() -> None:
    assert run_sync(_plus_one(1)) == 2


async def test_an_awaitable_is_awaited() -> None:
    assert await _plus_one(_later(1)) == 2


def test_what_is_raised_inside_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        run_sync(fail())


def test_something_pending_is_refused_without_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="without an event loop"):
        run_sync(_later(1))


def test_a_call_that_ends_in_time_returns_and_raises_as_by_itself() -> None:
    NAME.set("ana")
    assert call_within(10, NAME.get) == "ana"
    with pytest.raises(KeyError, match="bello"):
        call_within(10, lambda: {}["bello"])


def test_a_call_that_never_ends_is_given_up() -> None:
    release = Event()
    with pytest.raises(TimeoutError):
        call_within(0.01, release.wait)
    release.set()
