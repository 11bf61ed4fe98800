"""What becomes of a finding of danger or concern: events, hooks, and what a node writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from opentelemetry import trace

from ...contract import Empathy, Safety, SafetyEvent
from ...contract.errors import error_text
from ...contract.sync_async import call_host
from ...safety import assess as shipped_assess
from ..support.events import emit
from ..support.explanations import explain_safety
from ..support.llm_calls import LlmCalls
from ..support.node_record import record_suppressed_error
from ..support.turn_view import TurnView, Update, thread_id
from .check_calls import Assess, earlier_danger, judge

SafetyHook: TypeAlias = Callable[[SafetyEvent], Any]
"""What a host is told of by HEF; synchronous or asynchronous, what it returns is not used."""


def unread(safety: Safety, labels: Sequence[str]) -> Empathy:
    """Return what is known of a person in danger, whose emotion nobody reads: every one is equally probable."""
    distribution = dict.fromkeys(labels, 1 / len(labels))
    return Empathy(emotion=labels[0], distribution=distribution, uncertain=True, safety=safety)


async def look_for_danger(
    check: Assess | None,
    turn: TurnView,
    runtime: Runtime[Any],
    calls: LlmCalls,
    *,
    node: str,
    hooks: Sequence[SafetyHook],
    labels: Sequence[str],
    is_provisional: bool = False,
) -> Update:
    """Look for danger in the person's turn, tell of it, and return what a node writes.

    Neither a hook nor another check than HEF's own can end a turn: where it fails, HEF's own judges, and `faults` says
    so.

    Args:
        check: What judges; None where that is switched off.
        turn: The turn.
        runtime: The runtime of the node.
        calls: How a host's check and hooks are called.
        node: The node's name.
        hooks: Told where the level is concern or danger.
        labels: The emotions.
        is_provisional: Whether somebody looks again in this turn unless it is danger; of less nobody is told.
    """
    finding, faults = await judge(check, turn.dialogue, calls)
    is_told = finding.level == "danger" or not is_provisional
    working = shipped_assess if faults else check  # one that has just failed would let the person wait again
    if is_told and working and finding.level == "none" and await earlier_danger(working, turn.dialogue, calls):
        finding = finding.model_copy(update={"after_danger": True})
    if finding.turn is not None:
        finding = finding.model_copy(update={"turn": finding.turn + turn.earlier_turns})
    if is_told and finding.level != "none":
        emit(runtime, "safety", **finding.model_dump())
        _add_span_event(finding, turn.settings.region)
        faults += await _tell(hooks, _event(finding, turn), calls)
    update: Update = {
        "safety": finding,
        "explanations": {node: explain_safety(finding)},
        "faults": {node: "; ".join(faults)},
    }
    return update | ({"empathy": unread(finding, labels), "memories": []} if finding.level == "danger" else {})


async def _tell(hooks: Sequence[SafetyHook], event: SafetyEvent, calls: LlmCalls) -> list[str]:
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
        text=turn.dialogue[-1].text,
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
