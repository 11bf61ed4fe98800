"""Telemetry of the nodes of a turn: log lines under `hef`, and an OpenTelemetry span per node.

At INFO there is one line per turn, at WARNING what a node left out or raised, by its class. What was said, remembered
or asked is logged at DEBUG alone, and is in no span. Without an OpenTelemetry SDK in the host a span costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any

from langchain_core.runnables import RunnableLambda
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import get_runtime
from opentelemetry import trace

from ..contract import Empathy, as_context
from ..nodes.support.node_record import CURRENT_RECORD, NodeRecord
from ..nodes.support.transcript import last_human_id

_MAX_OPEN_TURNS = 10_000
"""Turns whose start is kept, where some never come to an end."""

_log = logging.getLogger(__name__)


class GraphTelemetry:
    """Telemetry of one graph: wraps each node when it is added.

    Args:
        first: Name of the node that a turn begins with.
        last: Name of the node that a turn ends with; after it the turn is logged.
    """

    def __init__(self, *, first: str, last: str) -> None:
        self._first = first
        self._last = last
        self._started: dict[str, float] = {}
        """When each open turn began, by the id of the person's message."""

    def wrap(self, name: str, node: Any) -> Any:
        """Return a node with telemetry; its signature, docstring and what it returns stay the same."""
        if isinstance(node, RunnableLambda):
            afunc = getattr(node, "afunc", None)
            return RunnableLambda(
                self._wrap_sync(name, node.func), afunc=afunc and self._wrap_async(name, afunc), name=node.name
            )
        return self._wrap_sync(name, node)

    def _wrap_sync(self, name: str, node: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(node)
        def wrapper(state: Any, *args: Any, **kwargs: Any) -> Any:
            with self._watch(name, state) as finish:
                return finish(node(state, *args, **kwargs))

        return wrapper

    def _wrap_async(self, name: str, node: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(node)
        async def wrapper(state: Any, *args: Any, **kwargs: Any) -> Any:
            with self._watch(name, state) as finish:
                return finish(await node(state, *args, **kwargs))

        return wrapper

    @contextmanager
    def _watch(self, name: str, state: Any) -> Iterator[Callable[[Any], Any]]:
        """Record one run of a node; yield a function that takes its update and returns it."""
        record, started = NodeRecord(), perf_counter()
        token = CURRENT_RECORD.set(record)
        if name == self._first:
            self._begin_turn(state, started)
        try:
            with _span(name) as span:
                yield lambda update: self._finish(name, state, update, record, span)
        except GraphBubbleUp:
            raise
        except Exception as error:
            _log.warning("%s raised %s", name, type(error).__name__)
            raise
        finally:
            CURRENT_RECORD.reset(token)
            _log.debug("%s took %d ms", name, _milliseconds_since(started))

    def _finish(self, name: str, state: Any, update: Any, record: NodeRecord, span: trace.Span) -> Any:
        written: Mapping[str, Any] = update if isinstance(update, Mapping) else {}
        strategy = as_context(get_runtime().context).strategy
        fault = "; ".join(filter(None, (written.get("faults") or {}).values()))
        span.set_attributes(_attributes(written, record, strategy, degraded=bool(fault)))
        if fault:
            _log.warning("%s left something out (%s)", name, record.error or "its input")
            _log.debug("%s: %s", name, fault)
        empathy = written.get("empathy") or state.get("empathy")
        if name == self._last and isinstance(empathy, Empathy):
            faults = {**(state.get("faults") or {}), **(written.get("faults") or {})}
            self._end_turn(state, empathy, strategy, sorted(node for node, text in faults.items() if text))
        return update

    def _begin_turn(self, state: Any, now: float) -> None:
        while len(self._started) >= _MAX_OPEN_TURNS:
            self._started.pop(next(iter(self._started)), None)
        self._started.setdefault(last_human_id(state["messages"]), now)

    def _end_turn(self, state: Any, empathy: Empathy, strategy: str, degraded: list[str]) -> None:
        started = self._started.pop(last_human_id(state["messages"]), None)
        _log.info(
            "turn: emotion=%s stage=%s requeries=%d safety=%s strategy=%s sem=%s model=%s degraded=%s ms=%s",
            "-" if empathy.safety.level == "danger" else empathy.emotion,
            empathy.stage,
            empathy.requeries,
            empathy.safety.level,
            strategy,
            empathy.sem,
            empathy.model,
            ",".join(degraded) or "-",
            "-" if started is None else _milliseconds_since(started),
        )


@contextmanager
def _span(node: str) -> Iterator[trace.Span]:
    """Open the span of a node below the host's current one.

    An error is reported by its class alone (`error.type`): its text, and its traceback, may quote what a person said.
    """
    with trace.get_tracer("hef").start_as_current_span(
        f"hef.{node}", attributes={"hef.node": node}, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except GraphBubbleUp:
            raise
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.Status(trace.StatusCode.ERROR))
            raise


def _attributes(
    written: Mapping[str, Any], record: NodeRecord, strategy: str, *, degraded: bool
) -> dict[str, str | bool | int | float]:
    """Return the attributes of a node's span; `gen_ai` names are OpenTelemetry's conventions of generative AI."""
    verdict, empathy, safety = written.get("verdict"), written.get("empathy"), written.get("safety")
    readings = written.get("readings") or []
    attributes: dict[str, Any] = {
        "hef.strategy": strategy,
        "hef.degraded": degraded,
        "hef.requeries": getattr(verdict or empathy, "requeries", None),
        "hef.safety.level": getattr(safety, "level", None),
        "hef.sem": readings[-1].sem if readings else None,
        "error.type": record.error,
        "gen_ai.request.model": getattr(verdict, "model", None),
    }
    if record.calls:
        attributes["gen_ai.operation.name"] = "chat"
        attributes["gen_ai.request.model"] = record.model or getattr(verdict or empathy, "model", None)
    if record.input_tokens or record.output_tokens:
        attributes["gen_ai.usage.input_tokens"] = record.input_tokens
        attributes["gen_ai.usage.output_tokens"] = record.output_tokens
    return {name: value for name, value in attributes.items() if value is not None}


def _milliseconds_since(started: float) -> int:
    return round(1000 * (perf_counter() - started))
