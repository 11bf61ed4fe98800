"""`hef chat`: a conversation that is remembered and can be continued after a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from ..build_graph import preload_llm
from ..characters_list import chosen_character, with_models
from ..options import Json, ModelOptions, ReplyOptions, UserOptions, option
from ..render import name_markup
from ..settings import load_settings
from .chat_threads import thread_id, thread_with

if TYPE_CHECKING:
    from .session import ChatSession

Thread = Annotated[str, option("Which conversation to continue.", "--thread", "-t", metavar="NAME", panel="Memory")]
Confirm = Annotated[
    bool, option("Ask you which emotion it is when SEM and LLM disagree.", "--confirm", panel="Emotion")
]

HELP = """\
[bold]/emotion[/]  emotion and causes of your last message
[bold]/help[/]     this list
[bold]/quit[/]     leave (also Ctrl-D, or Ctrl-C twice); the conversation is kept, unless it is private"""


def chat(
    models: ModelOptions,
    options: ReplyOptions,
    memory: UserOptions,
    thread: Thread = "default",
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Talk with HEF; with --user, it remembers.

    The conversation is kept and continued after a restart; with --private nothing is written to the disk. Reads lines
    from stdin where it is not a terminal, one message per line.
    """
    settings = load_settings(models, options, memory)
    character = chosen_character(settings, memory.character)
    settings = with_models(settings, character, models)
    preload_llm(settings.model)
    from .session import ChatSession

    person = settings.person
    user = None if memory.no_memory else person
    context = options.reply_context(user, character, region=settings.region, confirm_emotion=confirm)
    thread = thread_with(character.id if character else None, thread)
    flags = {"private": memory.no_memory, "as_json": as_json}
    with ChatSession(settings, context, thread=thread_id(person, thread), character=character, **flags) as session:
        session.greet(person, thread)
        for line in _typed_lines(session) if sys.stdin.isatty() else _piped_lines():
            if not _handle_line(session, line):
                break
    if session.exit_code:
        raise typer.Exit(session.exit_code)


def _handle_line(session: ChatSession, line: str) -> bool:
    """Answer a line or follow its slash command; return False to leave."""
    match line.strip():
        case "":
            pass
        case "/quit" | "/exit":
            return False
        case "/emotion":
            session.explain()
        case message if message.startswith("/"):
            unknown = "" if message == "/help" else f"There is no command {name_markup(message.split()[0])}.\n"
            session.note(unknown + HELP)
        case message:
            session.answer(message)
    return True


def _typed_lines(session: ChatSession) -> Iterator[str]:
    """Yield what is typed; Ctrl-D ends, and so does a second Ctrl-C in a row."""
    import readline  # noqa: F401  # gives `input` its line editing and history

    while True:
        try:
            line = input("\001\033[1;36m\002  you        \001\033[0m\002")
            session.interrupted = session.interrupted and not line.strip()
            yield line
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            if session.interrupted:
                return
            session.interrupted = True
            print("  (Ctrl-C again or Ctrl-D to leave)")


def _piped_lines() -> Iterator[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    yield from sys.stdin
