"""Calls of the check that looks for danger: HEF's own, or a host's, which may be asynchronous or have two parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from langgraph.errors import GraphBubbleUp

from ...contract import Dialogue, Safety
from ...contract.errors import error_text
from ...contract.sync_async import call_host
from ...safety import assess as shipped_assess
from ..calling.llm_calls import LlmCalls
from ..support.node_record import record_suppressed_error

Assess: TypeAlias = Callable[[Dialogue], Safety | Awaitable[Safety]]
"""What judges a dialogue, as `hef.safety.assess` does."""


def check_at_once(assess: Assess | None) -> Assess | None:
    """Return the part of a check that waits for nobody, its method `assess_at_once`; None where it has one part."""
    return _method_beside(assess, "assess_at_once")


async def call_check(check: Callable[[Dialogue], Any], dialogue: Dialogue, calls: LlmCalls) -> Any:
    """Return what a check finds, by its asynchronous form where the graph runs so."""
    call = (_method_beside(check, "aassess") if calls.asynchronous else None) or check
    return await call_host(call, dialogue, asynchronous=calls.asynchronous)


async def judge(check: Assess | None, dialogue: Dialogue, calls: LlmCalls) -> tuple[Safety, list[str]]:
    """Return what is found in a dialogue, by HEF's own check where another fails, and what failed on the way.

    Args:
        check: What judges; None finds nothing.
        dialogue: The dialogue up to the person's last turn.
        calls: How a host's check is called.
    """
    faults: list[str] = []
    for assess in dict.fromkeys(filter(None, [check, check and shipped_assess])):
        try:
            return Safety.model_validate(await call_check(assess, dialogue, calls)), faults
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            own = "the check of this graph could not look for danger"
            fault = "HEF's own check could not look for danger" if assess is shipped_assess else own
            faults.append(f"{fault}: {error_text(error)}")
    return Safety(), faults


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
        finding, _ = await judge(assess, dialogue[: index + 1], calls)
        if finding.level == "danger":
            return finding
    return None


def _method_beside(assess: Callable[[Dialogue], Any] | None, name: str) -> Assess | None:
    """Return a method that a class defines beside its method `assess`, where that is the check; else None.

    A class that defines `assess` alone, above one with both, means its own.
    """
    owner: Any = getattr(assess, "__self__", None)
    classes = [kind for kind in type(owner).__mro__ if "assess" in vars(kind)]
    is_method = getattr(assess, "__name__", "") == "assess" and classes and name in vars(classes[0])
    return cast("Assess", getattr(owner, name)) if is_method else None
