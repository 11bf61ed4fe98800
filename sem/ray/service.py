"""A SEM as a service on Ray Serve: it gathers what many callers ask at once into batches.

`hef serve sem` runs it; `serve run hef.sem.ray.service:sem_app sem=minilm` and Ray's configuration files do, too.
Its callers use `HttpSem`, which says what is spoken.
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
    """How a SEM is served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sem: str | None = None
    """What `resolve_sem` takes; None is the shipped one."""
    replicas: int = 1
    """How many SEMs run side by side."""
    cpus: float = 1.0
    """Processors of each."""
    batch_size: int = 32
    """Dialogues that one SEM reads at once."""
    wait_ms: float = 5.0
    """Milliseconds that a dialogue waits for others to be read with."""


def sem_app(options: ServiceOptions | Mapping[str, Any]) -> serve.Application:
    """Return the application that Ray Serve runs; from its command line and files the options come as a mapping."""
    wanted = ServiceOptions.model_validate(options)
    deploy = serve.deployment(
        name="sem",
        num_replicas=wanted.replicas,
        ray_actor_options={"num_cpus": wanted.cpus},
        max_ongoing_requests=4 * wanted.batch_size,
    )
    served: Any = deploy(SemService)
    return cast(serve.Application, served.bind(wanted.sem, wanted.batch_size, wanted.wait_ms))


def start_service(options: ServiceOptions, host: str = "127.0.0.1", port: int = 8100) -> str:
    """Serve a SEM on the cluster that is joined, and return its address once it answers.

    Raises:
        SetupError: The SEM cannot be loaded where it shall run.
    """
    serve.start(http_options={"host": host, "port": port})
    try:
        serve.run(sem_app(options), name="sem")
    except RuntimeError as error:
        raise SetupError(f"SEM {options.sem or 'minilm'!r} cannot be served: {error}") from error
    return f"http://{host}:{port}"


def stop_service() -> None:
    """End the service, and Ray Serve with it."""
    serve.shutdown()  # type: ignore[no-untyped-call]


class SemService:
    """Answer for one SEM.

    Args:
        sem: What `resolve_sem` takes.
        batch_size: Dialogues that it reads at once.
        wait_ms: Milliseconds that a dialogue waits for others.
    """

    def __init__(self, sem: str | None, batch_size: int, wait_ms: float) -> None:
        self._sem = resolve_sem(sem)
        self._read = _batched(self._readings, batch_size, wait_ms)
        self._find = _batched(self._causes, batch_size, wait_ms)
        self._embed = _batched(self._vectors, batch_size, wait_ms)
        self._answers: dict[str, Callable[[bytes], Any]] = {
            "description": self.describe,
            "read": self.read,
            "causes": self.causes,
            "embed": self.embed,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer a request by the last part of its path."""
        path = request.url.path.rstrip("/").rpartition("/")[2]
        if path not in self._answers:
            return _response(ErrorMessage(error=f"{path!r} is none of {', '.join(self._answers)}"), 404)
        try:
            return _response(await self._answers[path](await request.body()))
        except (SetupError, ValidationError) as error:
            return _response(ErrorMessage(error=str(error)), 422)
        except Exception as error:
            return _response(ErrorMessage(error=f"{type(error).__name__}: {error}"), 500)

    async def describe(self, body: bytes) -> DescriptionMessage:
        """Say what the SEM is."""
        dimensions = self._sem.dimensions if isinstance(self._sem, EmbeddingSem) else None
        return DescriptionMessage(description=self._sem.description, dimensions=dimensions)

    async def read(self, body: bytes) -> ReadAnswer:
        """Read dialogues, together with those of other requests."""
        asked = ReadRequest.model_validate_json(body)
        views = resolve_views(asked.dialogues, asked.views)
        return ReadAnswer(readings=await _all(self._read, zip(asked.dialogues, views, strict=True)))

    async def causes(self, body: bytes) -> CausesAnswer:
        """Find cause words, together with those of other requests."""
        asked = CausesRequest.model_validate_json(body)
        if len(asked.emotions) != len(asked.dialogues):
            raise SetupError(
                f"{len(asked.emotions)} emotions for {len(asked.dialogues)} dialogues; give one a dialogue"
            )
        return CausesAnswer(causes=await _all(self._find, zip(asked.dialogues, asked.emotions, strict=True)))

    async def embed(self, body: bytes) -> EmbedAnswer:
        """Embed texts, together with those of other requests."""
        asked = EmbedRequest.model_validate_json(body)
        if not isinstance(self._sem, EmbeddingSem):
            raise SetupError(f"SEM {self._sem.description.name!r} gives no sentence vectors")
        return EmbedAnswer(vectors=await _all(self._embed, asked.texts))

    def _readings(self, asked: Sequence[tuple[Dialogue, View]]) -> list[Reading]:
        return self._sem.read([turns for turns, _ in asked], views=[view for _, view in asked])

    def _causes(self, asked: Sequence[tuple[Dialogue, str]]) -> list[tuple[Cause, ...]]:
        return self._sem.causes([turns for turns, _ in asked], [emotion for _, emotion in asked])

    def _vectors(self, asked: Sequence[str]) -> list[list[float]]:
        assert isinstance(self._sem, EmbeddingSem)
        return self._sem.embed(asked)


def _batched(work: Callable[[Sequence[Any]], list[Any]], size: int, wait_ms: float) -> Callable[[Any], Awaitable[Any]]:
    """Return a function of one thing, whose callers wait for each other; the SEM works in a thread meanwhile."""

    @serve.batch(max_batch_size=size, batch_wait_timeout_s=wait_ms / 1000)
    async def handle(asked: list[Any]) -> list[Any]:
        return await asyncio.to_thread(_each, work, asked)

    async def one(thing: Any) -> Any:
        answer = await handle(thing)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return one


def _each(work: Callable[[Sequence[Any]], list[Any]], asked: list[Any]) -> list[Any]:
    """Return one answer or error each: what one caller asks cannot take the others along."""
    try:
        return work(asked)
    except Exception as error:
        return [error] if len(asked) == 1 else [answer for one in asked for answer in _each(work, [one])]


async def _all(ask: Callable[[Any], Awaitable[Any]], things: Iterable[Any]) -> list[Any]:
    return await asyncio.gather(*map(ask, things))


def _response(message: Message, status: int = 200) -> Response:
    return Response(message.model_dump_json(), status, media_type="application/json")
