"""Watch the nodes of a turn: log lines under `hef`, and a span a node where the host traces.

At INFO there is one line a turn, at WARNING what a node left out or raised, by its class. What was said, remembered or
asked stands at DEBUG alone, and in no span.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar

from langchain_core.messages import HumanMessage
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime

from ..contract import Empathy, as_context
from ..nodes.support.telemetry import OBSERVED, Observation
from .tracing import SetAttributes, Value, span

_AT_ONCE = 10_000
"""Turns whose begin is kept, where some never come to an end."""

_log = logging.getLogger(__name__)
Builder = TypeVar("Builder", bound=StateGraph[Any, Any, Any, Any])


def with_telemetry(builder: Builder) -> Builder:
    """Watch every node that a graph has so far; signatures, docstrings and what nodes return stay as they are."""
    first = {end for start, end in builder.edges if start == START}
    last = {start for start, end in builder.edges if end == END}
    began: dict[str, float] = {}
    for name, spec in builder.nodes.items():
        watch = _NodeTelemetry(name, began, first=name in first, last=name in last)
        runnable: Any = spec.runnable
        runnable.func, runnable.afunc = watch.sync(runnable.func), watch.asynchronous(runnable.afunc)
    return builder


class _NodeTelemetry:
    """Watch one node.

    Args:
        name: Name of the node.
        began: When each turn of the graph began, by the id of the person's message.
        first: Whether a turn begins here.
        last: Whether a turn ends here.
    """

    def __init__(self, name: str, began: dict[str, float], *, first: bool, last: bool) -> None:
        self._name = name
        self._began = began
        self._first = first
        self._last = last

    def sync(self, node: Callable[..., Any] | None) -> Callable[..., Any] | None:
        """Return the node, watched."""
        if node is None:
            return None

        @wraps(node)
        def watched(state: Any, *args: Any, **kwargs: Any) -> Any:
            with self._watching(state) as tell:
                return tell(node(state, *args, **kwargs))

        return watched

    def asynchronous(self, node: Callable[..., Awaitable[Any]] | None) -> Callable[..., Awaitable[Any]] | None:
        """Return the node's async form, watched."""
        if node is None:
            return None

        @wraps(node)
        async def watched(state: Any, *args: Any, **kwargs: Any) -> Any:
            with self._watching(state) as tell:
                return tell(await node(state, *args, **kwargs))

        return watched

    @contextmanager
    def _watching(self, state: Any) -> Iterator[Callable[[Any], Any]]:
        seen, started = Observation(), perf_counter()
        token = OBSERVED.set(seen)
        if self._first:
            self._begin(state, started)
        try:
            with span(f"hef.{self._name}", {"hef.node": self._name}) as note:
                yield lambda update: self._done(state, update, seen, note)
        except GraphBubbleUp:
            raise
        except Exception as error:
            _log.warning("%s raised %s", self._name, type(error).__name__)
            raise
        finally:
            OBSERVED.reset(token)
            _log.debug("%s took %d ms", self._name, _milliseconds(started))

    def _done(self, state: Any, update: Any, seen: Observation, note: SetAttributes) -> Any:
        written: Mapping[str, Any] = update if isinstance(update, Mapping) else {}
        fault = (written.get("faults") or {}).get(self._name)
        note(_attributes(written, seen, degraded=bool(fault)))
        if fault:
            _log.warning("%s left something out (%s)", self._name, seen.error or "its input")
            _log.debug("%s: %s", self._name, fault)
        if self._last and isinstance(empathy := written.get("empathy"), Empathy):
            faults = {**(state.get("faults") or {}), **written.get("faults", {})}
            self._end(state, empathy, sorted(name for name, text in faults.items() if text))
        return update

    def _begin(self, state: Any, now: float) -> None:
        while len(self._began) >= _AT_ONCE:
            self._began.pop(next(iter(self._began)), None)
        self._began.setdefault(_turn_id(state), now)

    def _end(self, state: Any, empathy: Empathy, degraded: list[str]) -> None:
        started = self._began.pop(_turn_id(state), None)
        _log.info(
            "turn: emotion=%s stage=%s requeries=%d strategy=%s sem=%s model=%s degraded=%s ms=%s",
            empathy.emotion,
            empathy.stage,
            empathy.requeries,
            _strategy(),
            empathy.sem,
            empathy.model,
            ",".join(degraded) or "-",
            "-" if started is None else _milliseconds(started),
        )


def _attributes(written: Mapping[str, Any], seen: Observation, *, degraded: bool) -> dict[str, Value]:
    """Return what a span says of a node; `gen_ai` names are OpenTelemetry's semantic conventions of generative AI."""
    verdict, empathy = written.get("verdict"), written.get("empathy")
    readings = written.get("readings") or []
    found: dict[str, Any] = {
        "hef.strategy": _strategy(),
        "hef.degraded": degraded,
        "hef.requeries": getattr(verdict or empathy, "requeries", None),
        "hef.sem": readings[-1].sem if readings else None,
        "error.type": seen.error,
        "gen_ai.request.model": getattr(verdict, "model", None),
    }
    if seen.calls:
        found["gen_ai.operation.name"] = "chat"
        found["gen_ai.request.model"] = seen.model or getattr(verdict or empathy, "model", None)
    if seen.input_tokens or seen.output_tokens:
        found["gen_ai.usage.input_tokens"] = seen.input_tokens
        found["gen_ai.usage.output_tokens"] = seen.output_tokens
    return {name: value for name, value in found.items() if value is not None}


def _strategy() -> str:
    return as_context(get_runtime().context).strategy


def _turn_id(state: Mapping[str, Any]) -> str:
    said = (message.id for message in reversed(state["messages"]) if isinstance(message, HumanMessage))
    return next(said, None) or ""


def _milliseconds(started: float) -> int:
    return round(1000 * (perf_counter() - started))
