"""The application: routes, and errors as clients read them."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..characters import Character, clashing_ids
from ..contract import SetupError
from ..contract.chat_model import ChatModel
from ..graph.browser_origins import LOCAL, OriginCheck, named_origins
from ..graph.parts import SafetyChoice, whole_safety_check
from ..sem import Sem
from .api_errors import reported_error
from .background_run import finish_runs
from .chat_conversations import Conversations
from .completions import IGNORED, MODEL, ChatCompletions
from .front_ends.expressions import Endpoint, expression_endpoints
from .front_ends.person_memories import PersonMemories
from .identity import Identities
from .request_body import read_json
from .server_metrics import CountResponses, Health, Metrics
from .server_settings import ServerSettings

_log = logging.getLogger(__name__)
_NOTHING = (("hef", "turns", "nobody"), "nothing")
"""Where a memory that can be reached finds nothing."""


def create_app(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    *,
    model: ChatModel,
    sem: Sem,
    store: BaseStore | None = None,
    settings: ServerSettings | None = None,
    identities: Identities | None = None,
    conversations: Conversations | None = None,
    characters: Mapping[str, Character] | None = None,
    character_graphs: Mapping[str, CompiledStateGraph[Any, Any, Any, Any]] | None = None,
    safety: SafetyChoice = "auto",
) -> Starlette:
    """Return the ASGI application that answers chat completions with a graph.

    Args:
        graph: HEF, compiled with its store. A checkpointer is not used: what was said is in each request.
        model: Answers what front ends ask for themselves, such as titles.
        sem: Answers what they ask of expressions.
        store: The graph's memory.
        settings: How the server answers.
        identities: Says who asks.
        conversations: Says which conversation is continued.
        characters: Characters by their ids.
        character_graphs: Graphs of characters with a SEM of their own, by their ids; compiled with the same store.
        safety: The graph's check of danger, as `create_hef` takes it: of what is answered beside the graph, too.

    Raises:
        SetupError: Two characters, or one and the model `hef`, have ids that differ in case at most.
    """
    if clashes := clashing_ids({**(characters or {}), **(character_graphs or {})}, [MODEL]):
        given = ", ".join(f"{id!r} beside {other!r}" for id, other in clashes.items())
        raise SetupError(f"clients ask for characters by their ids, and there are {given}; give other ids")
    chat = ChatCompletions(
        graph=_without_checkpointer(graph),
        character_graphs={id: _without_checkpointer(own) for id, own in (character_graphs or {}).items()},
        settings=settings or ServerSettings(),
        identities=identities or Identities(),
        conversations=conversations or Conversations(store=store),
        model=model,
        sem=sem,
        characters=characters or {},
        metrics=Metrics(),
        check=whole_safety_check(safety, model),
    )
    middleware = [
        Middleware(CountResponses, metrics=chat.metrics),
        Middleware(OriginCheck, allowed=LOCAL),
        Middleware(
            CORSMiddleware,
            allow_origins=sorted(named_origins()),
            allow_origin_regex=LOCAL,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[IGNORED],
        ),
    ]
    handlers: Any = {HTTPException: _answer_error}
    return Starlette(
        routes=_routes(chat, store), middleware=middleware, exception_handlers=handlers, lifespan=_lifespan
    )


def _without_checkpointer(graph: CompiledStateGraph[Any, Any, Any, Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    return graph.copy(update={"checkpointer": None})


def _routes(chat: ChatCompletions, store: BaseStore | None) -> list[Route]:
    """Return the addresses of the server; those of OpenAI's interface with and without `/v1`."""
    checks: dict[str, Callable[[], Awaitable[object]]] = {"conversations": chat.conversations.check}
    if store is not None:
        checks["memory"] = partial(store.aget, *_NOTHING)
    models, health = _Models(chat), Health(checks)

    def admitted(endpoint: Endpoint) -> Endpoint:
        """Return an endpoint for whoever may ask the server."""

        async def checked(request: Request) -> Response:
            chat.identities.identify(request.headers, None)
            return await endpoint(request)

        return _guarded(checked)

    interface = [
        ("/chat/completions", "POST", _guarded(chat.answer)),
        ("/models", "GET", admitted(models.list)),
        ("/models/{name:path}", "GET", admitted(models.show)),
    ]
    memories = PersonMemories(chat.identities, chat.conversations, store)
    interface += [(path, how, _guarded(endpoint)) for path, how, endpoint in memories.endpoints()]
    faces = expression_endpoints(chat.sem, partial(read_json, limit=chat.settings.max_body))
    return [
        *(Route(prefix + path, endpoint, methods=[how]) for prefix in ("/v1", "") for path, how, endpoint in interface),
        *(Route(path, admitted(endpoint), methods=[how]) for path, how, endpoint in faces),
        Route("/metrics", admitted(chat.metrics.show)),
        Route("/health", health.ready),
        Route("/health/ready", health.ready),
        Route("/health/live", health.live),
    ]


class _Models:
    """The list of models that a client may name."""

    def __init__(self, chat: ChatCompletions) -> None:
        self._chat = chat
        self._created = int(time.time())

    async def list(self, _: Request) -> Response:
        return JSONResponse(
            {"object": "list", "data": [*map(self._model, dict.fromkeys([MODEL, *self._chat.characters]))]}
        )

    async def show(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._chat.check_model(name)
        return JSONResponse(self._model(name))

    def _model(self, name: str) -> dict[str, Any]:
        character = self._chat.characters.get(name)
        shown = character.name if character else "HEF"
        return {"id": name, "object": "model", "created": self._created, "owned_by": "hef", "name": shown}


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    yield
    await finish_runs()


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose errors are answers: Starlette raises what it answers, and servers log its text."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=499)  # sent to nobody
        except Exception as error:
            return await _answer_error(request, error)

    return guarded


async def _answer_error(_: Request, error: Exception) -> Response:
    return reported_error(error).response
