"""A SEM as a service on Ray Serve, which batches concurrent requests.

`hef serve sem` runs it, and so do `serve run hef.sem.ray.service:sem_app sem=minilm` and Ray's configuration files.
Clients use `HttpSem`, whose docstring documents the protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from ...contract import Cause, Dialogue, Reading, SetupError, View
from ..plugins.http_schema import (
    CausesAnswer,
    CausesRequest,
    DescriptionMessage,
    EmbedAnswer,
    EmbedRequest,
    ErrorMessage,
    Message,
    ReadAnswer,
    ReadRequest,
)
from ..protocol import EmbeddingSem, resolve_views
from ..registry import resolve_sem


class ServiceOptions(BaseModel):
    """Options of the service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sem: str | None = None
    """A spec for `resolve_sem`; None is the shipped SEM."""
    replicas: int = 1
    """Number of SEMs in parallel."""
    cpus: float = 1.0
    """Processors per SEM."""
    batch_size: int = 32
    """Maximum number of dialogues per batch."""
    wait_ms: float = 5.0
    """Milliseconds that a dialogue waits for others of its batch."""


def sem_app(options: ServiceOptions | Mapping[str, Any]) -> serve.Application:
    """Return the Ray Serve application; its command line and files pass the options as a mapping."""
    resolved = ServiceOptions.model_validate(options)
    deploy = serve.deployment(
        name="sem",
        num_replicas=resolved.replicas,
        ray_actor_options={"num_cpus": resolved.cpus},
        max_ongoing_requests=4 * resolved.batch_size,
    )
    served: Any = deploy(SemService)
    return cast(serve.Application, served.bind(resolved.sem, resolved.batch_size, resolved.wait_ms))


def start_service(options: ServiceOptions, host: str = "127.0.0.1", port: int = 8100) -> str:
    """Serve a SEM on the connected cluster, and return its address once it answers.

    Raises:
        SetupError: The SEM cannot be loaded on the cluster.
    """
    serve.start(http_options={"host": host, "port": port})
    try:
        serve.run(sem_app(options), name="sem")
    except RuntimeError as error:
        raise SetupError(f"SEM {options.sem or 'minilm'!r} cannot be served: {error}") from error
    return f"http://{host}:{port}"


def stop_service() -> None:
    """Stop the service and Ray Serve."""
    serve.shutdown()


class SemService:
    """The service of one SEM.

    Args:
        sem: A spec for `resolve_sem`.
        batch_size: Maximum number of dialogues per batch.
        wait_ms: Milliseconds that a dialogue waits for others of its batch.
    """

    def __init__(self, sem: str | None, batch_size: int, wait_ms: float) -> None:
        self._sem = resolve_sem(sem)
        self._batched_read = _batched(self._readings, batch_size, wait_ms)
        self._batched_causes = _batched(self._causes, batch_size, wait_ms)
        self._batched_embed = _batched(self._vectors, batch_size, wait_ms)
        self._handlers: dict[str, Callable[[bytes], Any]] = {
            "description": self.describe,
            "read": self.read,
            "causes": self.causes,
            "embed": self.embed,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer a request by the last part of its path."""
        path = request.url.path.rstrip("/").rpartition("/")[2]
        if path not in self._handlers:
            return _response(ErrorMessage(error=f"{path!r} is none of {', '.join(self._handlers)}"), 404)
        try:
            return _response(await self._handlers[path](await request.body()))
        except (SetupError, ValidationError) as error:
            return _response(ErrorMessage(error=str(error)), 422)
        except Exception as error:
            return _response(ErrorMessage(error=f"{type(error).__name__}: {error}"), 500)

    async def describe(self, body: bytes) -> DescriptionMessage:
        """Return the description of the SEM."""
        dimensions = self._sem.dimensions if isinstance(self._sem, EmbeddingSem) else None
        return DescriptionMessage(description=self._sem.description, dimensions=dimensions)

    async def read(self, body: bytes) -> ReadAnswer:
        """Read dialogues, batched with those of other requests."""
        request = ReadRequest.model_validate_json(body)
        views = resolve_views(request.dialogues, request.views)
        return ReadAnswer(readings=await _all(self._batched_read, zip(request.dialogues, views, strict=True)))

    async def causes(self, body: bytes) -> CausesAnswer:
        """Find cause words, batched with those of other requests."""
        request = CausesRequest.model_validate_json(body)
        if len(request.emotions) != len(request.dialogues):
            raise SetupError(
                f"{len(request.emotions)} emotions for {len(request.dialogues)} dialogues; give one per dialogue"
            )
        return CausesAnswer(
            causes=await _all(self._batched_causes, zip(request.dialogues, request.emotions, strict=True))
        )

    async def embed(self, body: bytes) -> EmbedAnswer:
        """Embed texts, batched with those of other requests."""
        request = EmbedRequest.model_validate_json(body)
        if not isinstance(self._sem, EmbeddingSem):
            raise SetupError(f"SEM {self._sem.description.name!r} has no sentence vectors")
        return EmbedAnswer(vectors=await _all(self._batched_embed, request.texts))

    def _readings(self, pairs: Sequence[tuple[Dialogue, View]]) -> list[Reading]:
        return self._sem.read([turns for turns, _ in pairs], views=[view for _, view in pairs])

    def _causes(self, pairs: Sequence[tuple[Dialogue, str]]) -> list[tuple[Cause, ...]]:
        return self._sem.causes([turns for turns, _ in pairs], [emotion for _, emotion in pairs])

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        assert isinstance(self._sem, EmbeddingSem)
        return self._sem.embed(texts)


def _batched(
    function: Callable[[Sequence[Any]], list[Any]], size: int, wait_ms: float
) -> Callable[[Any], Awaitable[Any]]:
    """Return a coroutine function of one item whose concurrent calls are batched; the SEM runs in a thread."""

    @serve.batch(max_batch_size=size, batch_wait_timeout_s=wait_ms / 1000)  # type: ignore[untyped-decorator]
    async def run_batch(items: list[Any]) -> list[Any]:
        return await asyncio.to_thread(_results_or_errors, function, items)

    async def call(item: Any) -> Any:
        result = await run_batch(item)
        if isinstance(result, Exception):
            raise result
        return result

    return call


def _results_or_errors(function: Callable[[Sequence[Any]], list[Any]], items: list[Any]) -> list[Any]:
    """Return one result or error per item: an invalid item does not fail the others of its batch."""
    try:
        return function(items)
    except Exception as error:
        if len(items) == 1:
            return [error]
        return [result for item in items for result in _results_or_errors(function, [item])]


async def _all(function: Callable[[Any], Awaitable[Any]], items: Iterable[Any]) -> list[Any]:
    return await asyncio.gather(*map(function, items))


def _response(message: Message, status: int = 200) -> Response:
    return Response(message.model_dump_json(), status, media_type="application/json")
