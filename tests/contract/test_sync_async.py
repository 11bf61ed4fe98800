"""One body for synchronous and asynchronous callers."""

from __future__ import annotations

import asyncio

import pytest
from hef.contract.sync_async import maybe_await, run_sync


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
