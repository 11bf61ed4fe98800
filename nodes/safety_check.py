"""Node `safety`: reads `messages`, writes `safety`, and in danger `empathy` and `memories`; a turn begins here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from opentelemetry import trace

from ..contract import Dialogue, Empathy, HefState, Safety, SafetyEvent
from ..contract.errors import error_text
from ..contract.sync_async import call_host
from ..safety import assess as shipped_assess
from .support.events import emit
from .support.explanations import explain_safety
from .support.llm_calls import LlmCalls, llm_node
from .support.node_record import record_suppressed_error
from .support.turn_view import TurnView, Update, thread_id, turn_view

Assess: TypeAlias = Callable[[Dialogue], Safety | Awaitable[Safety]]
"""What judges a dialogue, as `hef.safety.assess` does."""
SafetyHook: TypeAlias = Callable[[SafetyEvent], Any]
"""What a host is told of by HEF; synchronous or asynchronous, what it returns is not used."""


def safety_node(
    assess: Assess | None, hooks: Sequence[SafetyHook], labels: Sequence[str]
) -> Runnable[HefState, Update]:
    """Return the node that looks for danger in the person's turn in its context.

    What it finds is told to the hooks, in a custom event, and without any words in an event of the OpenTelemetry span.
    Neither a hook nor another judge than HEF's own can end a turn: where it fails, HEF's own rules judge, and `faults`
    says so.

    Args:
        assess: What judges; None switches it off.
        hooks: Called where the level is concern or danger.
        labels: The emotions.
    """

    async def safety(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Look whether somebody is in danger, before anything is read or said."""
        turn = turn_view(state, runtime)
        finding, faults = await _judge(assess, turn.dialogue, calls)
        working = shipped_assess if faults else assess  # one that has just failed would let the person wait again
        if working is not None and finding.level == "none" and await earlier_danger(working, turn.dialogue, calls):
            finding = finding.model_copy(update={"after_danger": True})
        if finding.turn is not None:
            finding = finding.model_copy(update={"turn": finding.turn + turn.earlier_turns})
        if finding.level != "none":
            emit(runtime, "safety", **finding.model_dump())
            _add_span_event(finding, turn.settings.region)
            faults += await _tell(hooks, _event(finding, turn), calls)
        update: Update = {
            "safety": finding,
            "explanations": _first_entries(state.get("explanations"), explain_safety(finding)),
            "faults": _first_entries(state.get("faults"), "; ".join(faults)),
        }
        return update | ({"empathy": unread(finding, labels), "memories": []} if finding.level == "danger" else {})

    return llm_node(safety)


def unread(safety: Safety, labels: Sequence[str]) -> Empathy:
    """Return what is known of a person in danger, whose emotion nobody reads: every one is equally probable."""
    distribution = dict.fromkeys(labels, 1 / len(labels))
    return Empathy(emotion=labels[0], distribution=distribution, uncertain=True, safety=safety)


def _first_entries(earlier: Mapping[str, str] | None, text: str) -> dict[str, str]:
    """Return this node's entry, and empty ones of the nodes after it.

    What the state holds of the other nodes is of the turn before, and would stay where this one fails before they run.
    """
    return {**dict.fromkeys(earlier or {}, ""), "safety": text}


async def _judge(assess: Assess | None, dialogue: Dialogue, calls: LlmCalls) -> tuple[Safety, list[str]]:
    """Return what is found in a dialogue, and what failed on the way."""
    faults: list[str] = []
    for judge in dict.fromkeys(filter(None, [assess, assess and shipped_assess])):
        try:
            call = _asynchronous(judge) if calls.asynchronous else judge
            return Safety.model_validate(await call_host(call, dialogue, asynchronous=calls.asynchronous)), faults
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            own = "the check of this graph could not look for danger"
            fault = "HEF's own check could not look for danger" if judge is shipped_assess else own
            faults.append(f"{fault}: {error_text(error)}")
    return Safety(), faults


def _asynchronous(judge: Assess) -> Assess:
    """Return the method `aassess` that a class defines beside the method `assess`, where that is the judge."""
    owner = getattr(judge, "__self__", None)
    classes = [kind for kind in type(owner).__mro__ if "assess" in vars(kind)]
    if getattr(judge, "__name__", "") == "assess" and classes and "aassess" in vars(classes[0]):
        return cast("Assess", owner.aassess)  # type: ignore[union-attr]
    return judge


async def earlier_danger(assess: Assess, dialogue: Dialogue, calls: LlmCalls, *, turns: int = 1) -> Safety | None:
    """Return what the same check finds in the newest of the person's turns before the last one that was in danger.

    Args:
        assess: What judges.
        dialogue: The dialogue up to the person's last turn.
        calls: How a host's check is called.
        turns: How many of the person's turns are looked at.

    Returns:
        None where no one was in danger.
    """
    before = [index for index, turn in enumerate(dialogue[:-1]) if turn.role == "speaker"]
    for index in reversed(before[-turns:]):
        finding, _ = await _judge(assess, dialogue[: index + 1], calls)
        if finding.level == "danger":
            return finding
    return None


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
