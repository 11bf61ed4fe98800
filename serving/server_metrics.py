"""What a server counts, for Prometheus, and whether it is alive and ready: no word, no name, no id of anybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import InputError
from .api_errors import ApiError, as_api_error
from .chat_chunks import ReplyEnd, ReplyEvent

Check: TypeAlias = Callable[[], Awaitable[object]]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
_PATIENCE = 2.0
"""Seconds that a part has to answer whether it is ready."""
_ENDPOINTS = {"/chat/completions": "chat", "/models": "models", "/classify": "expressions", "/modules": "expressions"}
"""What an address contains -> what it is counted as; all others are one, since a client chooses them."""
_UNCOUNTED = ("/metrics", "/health")


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._turns = self._counter("turns", "Turns and tasks of front ends, by how they ended", "kind", "outcome")
        self._responses = self._counter("responses", "Answers of the server by HTTP status", "endpoint", "status")
        self._tokens = self._counter("tokens", "Tokens that the LLM counted", "direction")
        self._safety = self._counter("safety", "Turns by what was noticed of danger", "level")
        self._in_flight = Gauge("hef_turns_in_flight", "Turns and tasks now", ["kind"], registry=self._registry)
        self._first = self._histogram("first_token_seconds", "Seconds until the first words", "kind")
        self._whole = self._histogram("turn_seconds", "Seconds until the end of the reply", "kind")

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"hef_{name}", help, labels, registry=self._registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(f"hef_{name}", help, labels, buckets=_SECONDS, registry=self._registry)

    async def measure(self, kind: str, events: AsyncIterator[ReplyEvent]) -> AsyncIterator[ReplyEvent]:
        """Yield the events of a reply, and count it.

        Args:
            kind: `turn`, or which task of a front end it is.
            events: The reply.
        """
        begin, outcome, is_first = time.perf_counter(), "failed", True
        self._in_flight.labels(kind).inc()
        try:
            async for event in events:
                if is_first:
                    self._first.labels(kind).observe(time.perf_counter() - begin)
                    is_first = False
                if isinstance(event, ReplyEnd):
                    self._count_end(event)
                    outcome = "done"
                yield event
        except (ApiError, InputError) as error:
            outcome = "invalid" if as_api_error(error).status < 500 else "failed"
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "hung_up" if outcome != "done" else outcome
            raise
        finally:
            self._in_flight.labels(kind).dec()
            self._turns.labels(kind, outcome).inc()
            self._whole.labels(kind).observe(time.perf_counter() - begin)

    def _count_end(self, end: ReplyEnd) -> None:
        if end.usage:
            for direction, tokens in zip(("prompt", "reply"), end.usage, strict=True):
                self._tokens.labels(direction).inc(tokens)
        if end.empathy:
            self._safety.labels(end.empathy.safety.level).inc()

    def count_response(self, path: str, status: int) -> None:
        """Count an answer of the server."""
        if not path.startswith(_UNCOUNTED):
            endpoint = next((name for part, name in _ENDPOINTS.items() if part in path), "other")
            self._responses.labels(endpoint, str(status)).inc()

    async def show(self, _: Request) -> Response:
        """Answer `GET /metrics`."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class CountResponses:
    """Middleware that counts the answers of an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count what it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count_response(scope["path"], message["status"])
            await send(message)

        await self._app(scope, receive, counting)


class Health:
    """Says whether a server lives, and whether its parts can be reached.

    Args:
        checks: What is needed -> raises where it cannot be reached. The LLM is not among them: asking it costs.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    async def live(self, _: Request) -> Response:
        """Answer `GET /health/live`."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Answer `GET /health` and `GET /health/ready`: with 503 where a part cannot be reached."""
        results = await asyncio.gather(*map(_is_reached, self._checks.values()))
        failing = [name for name, is_reached in zip(self._checks, results, strict=True) if not is_reached]
        answer: MutableMapping[str, Any] = {"status": "not ready", "failing": failing} if failing else {"status": "ok"}
        return JSONResponse(answer, 503 if failing else 200)


async def _is_reached(check: Check) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except Exception:
        return False
    return True
