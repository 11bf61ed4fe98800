"""What looks for danger in a turn, in one part or two, and what becomes of a finding: events, hooks, state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from opentelemetry import trace

from ...contract import Empathy, Safety, SafetyEvent
from ...contract.chat_model import is_hosted
from ...contract.errors import error_text
from ...contract.sync_async import call_host, run_sync, start_thread
from ...llm.resolve import is_local_name
from ...safety import LlmSafetyCheck
from ...safety import assess as shipped_assess
from ...safety.findings import LEVELS
from ..calling.llm_calls import LlmCalls
from ..support.events import emit
from ..support.explanations import explain_safety
from ..support.node_record import record_suppressed_error
from ..support.turn_view import TurnView, Update, thread_id
from .check_calls import Assess, call_check, check_at_once, earlier_danger, judge

SafetyHook: TypeAlias = Callable[[SafetyEvent], Any]
"""What a host is told of by HEF; synchronous or asynchronous, what it returns is not used."""


@dataclass(frozen=True, slots=True)
class DangerWatch:
    """The check of a graph, and who is told of what it finds.

    Neither a hook nor another check than HEF's own can end a turn: where it fails, HEF's own judges, and `faults` says
    so.
    """

    assess: Assess | None
    """What judges; None where that is switched off."""
    hooks: tuple[SafetyHook, ...]
    """Told where the level is concern or danger."""
    labels: tuple[str, ...]
    """The emotions."""
    by_run: LlmSafetyCheck | None = None
    """The check by the graph's LLM, where instead of `assess` the LLM of each run is asked, if it is a hosted one and
    the strategy asks any."""

    async def look(self, turn: TurnView, runtime: Runtime[Any], calls: LlmCalls) -> tuple[Update, list[str]]:
        """Look for danger before anything else; return what a node writes, and what failed.

        Of a check with two parts only the first one is asked, where that finds something to say: what it finds below
        danger is pending, and told to nobody yet.
        """
        at_once = check_at_once(self.assess)
        if at_once is None:
            return await self._settle(self.assess, turn, runtime, calls)
        finding = await _finding_at_once(at_once, turn, calls)
        if finding is not None and finding.level == "danger":
            return await self.tell(finding, turn, runtime, calls)
        check = await self._check_of_run(turn, calls)
        if finding is None or check_at_once(check) is None:
            return await self._settle(check, turn, runtime, calls)
        return {**self._update(finding), "safety_pending": True}, []

    async def find_pending(self, turn: TurnView, calls: LlmCalls) -> tuple[Safety, list[str]]:
        """Ask the part of the check that is pending, without telling anybody; return its finding, and what failed.

        Where it fails, what is known already counts beside HEF's own check.
        """
        if self.assess is None:  # switched off since the turn began
            return turn.safety, []
        finding, faults = await self._find(await self._check_of_run(turn, calls), turn, calls)
        is_graver = LEVELS.index(turn.safety.level) > LEVELS.index(finding.level)
        return (turn.safety if faults and is_graver else finding), faults

    async def _settle(
        self, check: Assess | None, turn: TurnView, runtime: Runtime[Any], calls: LlmCalls
    ) -> tuple[Update, list[str]]:
        finding, faults = await self._find(check, turn, calls)
        update, hook_faults = await self.tell(finding, turn, runtime, calls)
        return update, [*faults, *hook_faults]

    async def _find(self, check: Assess | None, turn: TurnView, calls: LlmCalls) -> tuple[Safety, list[str]]:
        """Ask a whole check, of the turn before as well: an LLM of both at once; danger waits for the first alone."""
        earlier = None if check_at_once(check) is None else _begin(_is_after_danger(check, turn, calls), calls)
        try:
            finding, faults = await judge(check, turn.conversation, calls)
            if finding.level != "none":
                is_after = False
            elif faults:  # a check that has just failed would let the person wait again
                is_after = await _is_after_danger(check and shipped_assess, turn, calls)
            elif earlier is None:
                is_after = await _is_after_danger(check, turn, calls)
            else:
                is_after = await earlier if isinstance(earlier, asyncio.Task) else earlier.result()
        finally:
            if isinstance(earlier, asyncio.Task):
                earlier.cancel()
        if is_after:
            finding = finding.model_copy(update={"after_danger": True})
        return _placed(finding, turn), faults

    async def tell(
        self, finding: Safety, turn: TurnView, runtime: Runtime[Any], calls: LlmCalls
    ) -> tuple[Update, list[str]]:
        """Tell stream, span and hooks of a finding; return what a node writes, and which hook failed."""
        if finding.level == "none":
            return self._update(finding), []
        emit(runtime, "safety", **finding.model_dump())
        _add_span_event(finding, turn.settings.region)
        return self._update(finding), await _call_hooks(self.hooks, _event(finding, turn), calls)

    def _update(self, finding: Safety) -> Update:
        """Return what a node writes of a finding that settles the turn."""
        explanation = explain_safety(finding)
        update: Update = {"safety": finding, "safety_pending": False, "explanations": {"safety": explanation}}
        return update | ({"empathy": unread(finding, self.labels), "memories": []} if finding.level == "danger" else {})

    async def _check_of_run(self, turn: TurnView, calls: LlmCalls) -> Assess | None:
        """Return the whole check; by the LLM of the run HEF's own where that is a local one, or none is to be asked."""
        if self.by_run is None:
            return self.assess
        if turn.settings.strategy == "sem_only" or is_local_name(turn.settings.model):
            return shipped_assess
        try:
            llm = await calls.model_for_run(self.by_run.model, turn.settings)
        except GraphBubbleUp:
            raise
        except Exception:  # the judgement, which needs it as well, says what is wrong with it
            return shipped_assess
        return self.by_run.by(llm).assess if is_hosted(llm) else shipped_assess


def unread(safety: Safety, labels: Sequence[str]) -> Empathy:
    """Return what is known of a person in danger, whose emotion nobody reads: every one is equally probable."""
    distribution = dict.fromkeys(labels, 1 / len(labels))
    return Empathy(emotion=labels[0], distribution=distribution, uncertain=True, safety=safety)


async def _finding_at_once(at_once: Assess, turn: TurnView, calls: LlmCalls) -> Safety | None:
    """Return what the first part of a check finds; None where the whole of it is to be asked now, or it fails."""
    try:
        finding = await call_check(at_once, turn.conversation, calls)
        return None if finding is None else _placed(Safety.model_validate(finding), turn)
    except GraphBubbleUp:
        raise
    except Exception as error:
        record_suppressed_error(error)
        return None


async def _is_after_danger(check: Assess | None, turn: TurnView, calls: LlmCalls) -> bool:
    """Return whether the person's turn before was in danger, by the same check."""
    return check is not None and await earlier_danger(check, turn.conversation, calls) is not None


def _begin(work: Coroutine[Any, Any, bool], calls: LlmCalls) -> asyncio.Task[bool] | Future[bool]:
    """Begin work beside what follows: a task, or without an event loop a thread."""
    return asyncio.create_task(work) if calls.asynchronous else start_thread(lambda: run_sync(work))


def _placed(finding: Safety, turn: TurnView) -> Safety:
    """Return a finding in the turns that are read, with its place in the whole conversation."""
    if finding.turn is None:
        return finding
    return finding.model_copy(update={"turn": finding.turn + turn.earlier_turns})


async def _call_hooks(hooks: Sequence[SafetyHook], event: SafetyEvent, calls: LlmCalls) -> list[str]:
    """Call the hooks one after the other; return what failed."""
    faults = []
    for hook in hooks:
        try:
            await call_host(hook, event, asynchronous=calls.asynchronous)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            faults.append(f"a hook of this graph failed: {error_text(error)}")
    return faults


def _event(safety: Safety, turn: TurnView) -> SafetyEvent:
    settings = turn.settings
    return SafetyEvent(
        safety=safety,
        text=turn.conversation[-1].text,
        region=settings.region,
        user_id=settings.user_id,
        thread=thread_id(),
    )


def _add_span_event(safety: Safety, region: str | None) -> None:
    attributes = {
        "hef.safety.level": safety.level,
        "hef.safety.kind": safety.kind,
        "hef.safety.language": safety.language,
        "hef.safety.region": region or "",
    }
    trace.get_current_span().add_event("hef.safety", attributes)
