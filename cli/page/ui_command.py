"""`hef ui`: a page to talk with HEF, and to see and manage what it understood and remembers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..build_graph import build_graph, close_memory, preload_llm
from ..characters_list import chosen_character, served_characters
from ..error_messages import Failure, Misuse
from ..options import Confirm, ModelOptions, ReplyOptions, UserOptions, option
from ..settings import Settings, load_settings

if TYPE_CHECKING:
    from ...characters import Character
    from ...contract import HefContext
    from ...ui.page_host import PageHost

Host = Annotated[
    str, option("Where it listens; elsewhere than on this machine only with a password.", metavar="ADDRESS")
]
Port = Annotated[int, option("On which port.", metavar="N", min=1, max=65535)]
Password = Annotated[
    str | None,
    typer.Option(
        envvar="HEF_UI_PASSWORD",
        show_envvar=False,
        metavar="TEXT",
        help="What a visitor must know, 8 characters at least.  \\[env: HEF_UI_PASSWORD]",
    ),
]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_PASSWORD = 8


def ui(
    models: ModelOptions,
    options: ReplyOptions,
    memory: UserOptions,
    confirm: Confirm = False,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    password: Password = None,
) -> None:
    """Open a page to talk and to see what was understood and is remembered.

    It is a page for one person, on this machine alone: whoever reaches it can read what is remembered. Nothing is
    loaded from elsewhere, and nothing is sent. Elsewhere than on this machine it listens only with a password, and the
    password and all that is said travel unencrypted then, so put a server with TLS before it.
    """
    check_access(host, password)
    _require_gradio()
    settings = load_settings(models, options, memory)
    listening = _listen(host, port)
    preload_llm(settings.model)
    user = None if memory.no_memory else settings.person
    character = chosen_character(settings, memory.character)
    context = options.reply_context(
        user, region=settings.region, confirm_emotion=confirm, remember_for=memory.remember_for
    )
    typer.echo(f"loading; the page will be at http://{host}:{port} (Ctrl-C ends it)")
    asyncio.run(_serve(settings, context, character, (listening, host, password)))


def check_access(host: str, password: str | None) -> None:
    """Check that only this machine, or who knows a password, can ask.

    Raises:
        Misuse: Anybody could, or the password is easily guessed.
    """
    if password is not None and len(password) < MIN_PASSWORD:
        raise Misuse(f"the password has {len(password)} characters; give at least {MIN_PASSWORD}")
    if host not in LOOPBACK and password is None:
        raise Misuse(
            f"--host {host} lets others reach the page, who could read all that is remembered and talk as you; "
            "give a --password, or listen on 127.0.0.1 alone"
        )


def _require_gradio() -> None:
    from ...contract import SetupError

    if find_spec("gradio") is None:
        raise SetupError("the page needs Gradio: install it with `pip install 'hef[ui]'`")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Failure(
            f"the page cannot be at {host}, port {port}: {error.strerror or error}; give another --port or --host"
        ) from error


async def _serve(
    settings: Settings, context: HefContext, character: Character | None, access: tuple[socket.socket, str, str | None]
) -> None:
    import uvicorn

    from ...ui.page_app import page_app
    from ...ui.page_events import create_page

    listening, host, password = access
    async with AsyncExitStack() as resources:
        page_host = await _page_host(settings, context, character, resources)
        app = page_app(create_page(page_host), host=host, password=password)
        # A page that is open keeps a connection for as long: Ctrl-C does not wait for it, and nothing is said of that.
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        await uvicorn.Server(config).serve([listening])


async def _page_host(
    settings: Settings, context: HefContext, character: Character | None, resources: AsyncExitStack
) -> PageHost:
    """Return graphs and settings of the page; what they hold open is closed with the resources."""
    from langgraph.checkpoint.memory import InMemorySaver

    from ...ui.page_host import PageHost
    from ..chat.conversation_file import open_conversations
    from .page_conversations import PageConversations

    keeps_nothing = context.user_id is None
    saver: Any = InMemorySaver()
    if not keeps_nothing:
        saver = await resources.enter_async_context(open_conversations(settings.home))
    kept = build_graph(settings, memory=not keeps_nothing, checkpointer=saver)
    resources.callback(close_memory, kept)
    unkept = build_graph(settings, memory=False, checkpointer=InMemorySaver()).copy({"store": kept.store})
    characters, sems = served_characters(settings, character)

    conversations = PageConversations(settings, kept.store)
    resources.callback(conversations.release)
    return PageHost(
        kept=kept,
        unkept=unkept,
        context=context,
        conversations=conversations,
        model=settings.model or "embedded",
        sem=settings.sem or "minilm",
        characters=characters,
        kept_by_character=sems.graphs(kept),
        unkept_by_character=sems.graphs(unkept),
        character=character.id if character else "",
    )
