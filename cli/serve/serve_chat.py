"""`hef serve chat`: HEF for any front end that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ..build_graph import build_graph, close_memory, preload_llm
from ..characters_list import served_characters
from ..error_messages import Misuse
from ..logging_setup import enable_warnings
from ..options import Home, ModelOptions, RememberFor, ReplyOptions, check_days, option
from ..settings import Settings, load_settings
from .sole_server import sole_server

if TYPE_CHECKING:
    from ...contract import HefContext
    from ...serving.chat_conversations import Conversations
    from ...serving.identity import Identities

CONVERSATIONS = "chat-turns.sqlite"
"""File of the home folder that knows the turns of conversations, by hashes of what was said."""
JWT_SECRET = "HEF_JWT_SECRET"
"""Variable that holds the secret of signed headers."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the server listens, and who is answered."""

    panel: ClassVar = "Server"
    host: Annotated[
        str, option("Where it listens; others than this machine reach it only with keys.", metavar="ADDRESS")
    ] = "127.0.0.1"
    port: Annotated[int, option("On which port; 0 is a free one.", metavar="N", min=0, max=65535)] = 8200
    keys: Annotated[
        Path | None, option("File of the keys, see `hef serve key`.  \\[env: HEF_KEYS]", metavar="FILE")
    ] = None
    trust: Annotated[
        str | None,
        option(
            "Headers that say who asks, with commas between: openwebui, librechat, or a header's name. With keys they "
            "are believed of front ends' alone.",
            metavar="NAME,NAME",
        ),
    ] = None
    emotion_tags: Annotated[
        str | None,
        option(
            "Expressions of an avatar, such as joy,sadness,anger,neutral: each reply begins with the one that fits, in "
            "brackets; all is HEF's own emotions.",
            metavar="NAME,NAME",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class ServedMemory:
    """What is kept of the people who ask."""

    panel: ClassVar = "Memory"
    user: Annotated[
        str | None,
        option("Who asks, without keys, where nobody says it.  \\[env: HEF_USER]", "--user", "-u", metavar="NAME"),
    ] = None
    no_memory: Annotated[bool, option("Recall nothing, and write nothing to the disk.", "--no-memory")] = False
    home: Home = None
    remember_for: RememberFor = None

    def __post_init__(self) -> None:
        """Check for how long turns are kept.

        Raises:
            Misuse: It is no time for which they can be.
        """
        check_days(self.remember_for)


def serve_chat(models: ModelOptions, reply: ReplyOptions, memory: ServedMemory, server: ServerOptions) -> None:
    """Serve HEF to front ends that speak OpenAI's chat completions.

    Any chat front end, voice client or script takes the address as that of an OpenAI server. The model is hef, or the
    name of a character. Who asks is told by a key (`hef serve key add`), by headers that you trust, or by the field
    user; of nobody nothing is kept. Without keys it answers this machine alone.

    A folder is one server's. HEF_POSTGRES_URL and HEF_CHROMA_URL let several processes serve the same people;
    HEF_JWT_SECRET is the secret of Open WebUI's signed header.
    """
    from ...contract.errors import needs_extra

    settings = load_settings(models, reply, memory, server)
    with needs_extra("serve", "the chat server needs a web server"):
        import sse_starlette  # noqa: F401
        import uvicorn  # noqa: F401
    from ...serving.http_server import is_loopback, listen

    identities = _identities(settings, server)
    if identities.is_open and not is_loopback(server.host):
        raise Misuse(
            f"--host {server.host} lets others than this machine in, and there is no key: make one by "
            "`hef serve key add NAME`, or listen at 127.0.0.1"
        )
    context = reply.reply_context(None, region=settings.region, remember_for=memory.remember_for)
    context = context.model_copy(update={"remember": not memory.no_memory})
    with _turns_lock(settings, is_kept=context.remember):
        preload_llm(settings.model)
        with listen(server.host, server.port) as listener:
            asyncio.run(_serve(settings, server, context, identities, listener))


def _turns_lock(settings: Settings, *, is_kept: bool) -> AbstractContextManager[None]:
    """Return what keeps other servers from the turns of this one; in PostgreSQL several share them."""
    return sole_server(settings.home) if is_kept and not settings.postgres_url else nullcontext()


def _identities(settings: Settings, server: ServerOptions) -> Identities:
    from ...serving.front_ends.trusted_headers import trusted_header
    from ...serving.identity import Identities
    from ...serving.keys import KeyFile

    return Identities(
        keys=KeyFile(settings.keys_file),
        trusted=[*map(trusted_header, _names(server.trust))],
        jwt_secret=os.environ.get(JWT_SECRET) or None,
        person=settings.user,
    )


async def _serve(
    settings: Settings, server: ServerOptions, context: HefContext, identities: Identities, listener: Any
) -> None:
    """Serve until a signal comes, then close the memory."""
    from ...graph.parts import named_safety_check
    from ...llm import resolve_model
    from ...sem import resolve_sem
    from ...serving.chat_app import create_app
    from ...serving.completions import MODEL
    from ...serving.http_server import serve_app
    from ...serving.server_settings import ServerSettings

    enable_warnings()
    hef = build_graph(settings, memory=context.remember)
    characters, sems = served_characters(settings, taken=[MODEL])
    served = ServerSettings(context=context, emotion_tags=tuple(_names(server.emotion_tags)))

    def announce() -> None:
        host, port = listener.getsockname()[:2]
        typer.echo(f"serving at http://{f'[{host}]' if ':' in host else host}:{port}/v1; Ctrl-C ends it")
        if identities.is_open:
            typer.echo("no key is asked for: this machine alone is answered, and whoever uses it is whom they name")

    conversations = _conversations(settings, hef.store, is_kept=context.remember)
    try:
        app = create_app(
            hef,
            model=resolve_model(settings.model),
            sem=resolve_sem(settings.sem),
            store=hef.store,
            settings=served,
            identities=identities,
            conversations=conversations,
            characters=characters,
            character_graphs=sems.graphs(hef),
            safety=named_safety_check(settings.safety_model),
        )
        await serve_app(app, listener, shutdown_seconds=served.shutdown_seconds, on_ready=announce)
    finally:
        await conversations.close()
        close_memory(hef)


def _conversations(settings: Settings, store: Any, *, is_kept: bool) -> Conversations:
    """Return the conversations: in PostgreSQL, in a file of the home folder, or in this process alone."""
    from ...serving.chat_conversations import Conversations
    from ...serving.threads.postgres_turns import PostgresTurns
    from ...serving.threads.sqlite_turns import SqliteTurns

    if not is_kept:
        return Conversations(store=store)
    url = settings.postgres_url
    return Conversations(PostgresTurns(url) if url else SqliteTurns(settings.home / CONVERSATIONS), store)


def _names(text: str | None) -> list[str]:
    return [name for part in (text or "").split(",") if (name := part.strip())]
