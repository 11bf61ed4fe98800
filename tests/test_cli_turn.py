"""A turn that is stopped ends, whatever the stream does with the cancellation."""

from __future__ import annotations

import asyncio

import pytest
from hef.cli.turn import stoppable


async def test_a_turn_that_loses_a_cancellation_is_still_stopped() -> None:
    lost: list[str] = []
    running = asyncio.Event()

    async def turn() -> None:
        while len(lost) < 2:
            try:
                running.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost.append("cancellation")
        await asyncio.Event().wait()

    task = asyncio.ensure_future(stoppable(turn()))
    await running.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert len(lost) == 2


async def test_a_turn_that_is_left_alone_gives_its_result() -> None:
    async def turn() -> str:
        return "done"

    assert await stoppable(turn()) == "done"
