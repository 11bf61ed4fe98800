"""The part of a check of danger that asks an LLM: beside other work of a node, which is given up in danger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from langgraph.runtime import Runtime

from ...contract import Safety
from ...contract.sync_async import run_sync, start_thread
from ..calling.llm_calls import STOP_WITHIN, LlmCalls
from ..support.turn_view import TurnView, Update
from .danger_watch import DangerWatch

_T = TypeVar("_T")


class PendingLook:
    """What is pending of a turn's check of danger: asked once in a try of a node, and told of once at its end.

    Args:
        watch: The check.
        turn: The turn.
        calls: The calls of the node.
    """

    def __init__(self, watch: DangerWatch, turn: TurnView, calls: LlmCalls) -> None:
        self._watch, self._turn, self._calls = watch, turn, calls
        self._finding: Safety | None = None
        self._faults: list[str] = []

    @property
    def is_danger(self) -> bool:
        """Whether danger was found."""
        return self._finding is not None and self._finding.level == "danger"

    async def look(self) -> None:
        """Look, where that is pending and was not done."""
        if self._turn.is_safety_pending and self._finding is None:
            self._finding, self._faults = await self._watch.find_pending(self._turn, self._calls)

    async def beside(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T | None:
        """Begin work, look meanwhile, and return what the work gives; None where it was given up, for danger.

        Asynchronous work is then cancelled; synchronous work goes on in its thread, and nobody waits for it. What the
        work raises is raised after the look, where nobody is in danger.
        """
        if not self._turn.is_safety_pending:
            return await work()
        if not self._calls.asynchronous:
            looking, working = start_thread(lambda: run_sync(self.look())), start_thread(lambda: run_sync(work()))
            looking.result()
            return None if self.is_danger else working.result()
        looking_task, working_task = asyncio.create_task(self.look()), asyncio.create_task(work())
        try:
            await looking_task
            return None if self.is_danger else await working_task
        finally:
            await _end(looking_task, working_task)

    async def tell(self, runtime: Runtime[Any], update: Update) -> Update:
        """Tell of what was found, and return a node's update with it."""
        if self._finding is None:
            return update
        written, hook_faults = await self._watch.tell(self._finding, self._turn, runtime, self._calls)
        return {
            **update,
            **written,
            "explanations": {**update["explanations"], **written["explanations"]},
            # As the node `safety` would say it: a second round of the judgement replaces what this node says.
            "faults": {**update["faults"], "safety": "; ".join([*self._faults, *hook_faults])},
        }


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks that have not ended, and wait a moment for their end."""
    for task in tasks:
        task.cancel()
    ended, _ = await asyncio.wait(tasks, timeout=STOP_WITHIN)
    for task in ended:
        _ = task.cancelled() or task.exception()  # looked at, or asyncio would log that nobody did
