"""OpenTelemetry spans, where the host has it: otherwise nothing is imported and nothing is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from langgraph.errors import GraphBubbleUp

Value: TypeAlias = str | bool | int | float
SetAttributes: TypeAlias = Callable[[Mapping[str, Value]], None]


@contextmanager
def span(name: str, attributes: Mapping[str, Value]) -> Iterator[SetAttributes]:
    """Open a span below the host's current one, and yield what adds attributes to it.

    An error is told by its class alone (`error.type`): its text, and its traceback, may quote what a person said.
    """
    tracing = sys.modules.get("opentelemetry.trace")
    if tracing is None:
        yield _nothing
        return
    tracer = tracing.get_tracer("hef")
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened.set_attributes
        except GraphBubbleUp:
            raise
        except BaseException as error:
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(tracing.Status(tracing.StatusCode.ERROR))
            raise


def _nothing(attributes: Mapping[str, Value]) -> None:
    return None
