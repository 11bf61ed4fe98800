"""A turn in a task of its own, so that it can be stopped while its events are shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from .turn_events import Event, Question, Token


async def with_answers(
    run: Callable[[Any], AsyncIterator[Event]], turn_input: Any, wait_for_answer: Callable[[], Awaitable[Any]]
) -> AsyncGenerator[Event]:
    """Yield the events of a turn; where it ends with a question, wait for the answer and go on.

    Args:
        run: Function from the graph's input to the events of its run.
        turn_input: The input.
        wait_for_answer: Returns, once the person has answered, the command that resumes the graph; None ends the turn.
    """
    while turn_input is not None:
        is_asked = False
        async for event in run(turn_input):
            is_asked = isinstance(event, Question)
            yield event
        turn_input = await wait_for_answer() if is_asked else None


class TurnTask:
    """A turn that has begun.

    Args:
        events: The events of the turn.
    """

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self.is_stopped = False
        """Whether `stop` ended it."""
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(events))
        # Also of a task that is cancelled before it begins, of which nothing runs.
        self._task.add_done_callback(lambda _: self._waiting.put_nowait(None))

    def stop(self) -> None:
        """End the turn where it is: whoever reads its events gets a `CancelledError`."""
        self.is_stopped = True
        self._task.cancel()

    async def events(self) -> AsyncGenerator[Event]:
        """Yield the events, tokens that wait as one, and raise what the turn raised; closing this ends the turn."""
        try:
            while (event := await self._waiting.get()) is not None:
                tokens = ""
                while isinstance(event, Token):  # what is shown need not be drawn for each of the tokens that wait
                    tokens += event.text
                    if self._waiting.empty():
                        break
                    event = self._waiting.get_nowait()
                if tokens:
                    yield Token(tokens)
                if event is None:
                    break
                if not isinstance(event, Token):
                    yield event
            await self._task
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    async def _run(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            self._waiting.put_nowait(event)
