"""`hef chat`: a conversation that remembers, and goes on after a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..build_graph import parse_primary, preload_llm, run_context
from .chat_threads import thread_name

if TYPE_CHECKING:
    from .session import ChatSession

ThreadOption = Annotated[
    str,
    typer.Option("--thread", "-t", help="Which conversation to go on with.", metavar="NAME", rich_help_panel="Memory"),
]

ConfirmOption = Annotated[
    bool,
    typer.Option("--confirm", help="Ask you which emotion it is when SEM and LLM disagree.", rich_help_panel="Emotion"),
]

HELP = """\
[bold]/emotion[/]  what was understood of your last message
[bold]/help[/]     this list
[bold]/quit[/]     leave (also Ctrl-D, or Ctrl-C twice); the conversation is kept"""


def chat(
    model: options.ModelOption = None,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    strategy: options.StrategyOption = "two_stage",
    primary: options.PrimaryOption = 5,
    max_requeries: options.RequeriesOption = 1,
    user: options.UserOption = None,
    thread: ThreadOption = "default",
    no_memory: options.NoMemoryOption = False,
    home: options.HomeOption = None,
    persona: options.PersonaOption = None,
    confirm: ConfirmOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Talk with HEF; the conversation is kept and goes on after a restart.

    Reads lines from stdin where it is not a terminal, one message a line.
    """
    shown = parse_primary(primary)
    from ..settings import settings

    chosen = settings(model=model, sem=sem, home=home, user=user, threads=threads)
    preload_llm(chosen.model)
    from .session import ChatSession

    person = chosen.user or "me"
    context = run_context(
        None if no_memory else person, strategy=strategy, primary=shown, max_requeries=max_requeries, persona=persona
    )
    context = context.model_copy(update={"confirm_emotion": confirm})
    with ChatSession(chosen, context, thread=thread_name(person, thread), as_json=as_json) as talk:
        talk.greet(person, thread)
        for line in _terminal(talk) if sys.stdin.isatty() else _piped():
            if not _handle_line(talk, line):
                break
    if talk.failed:
        raise typer.Exit(1)


def _handle_line(talk: ChatSession, line: str) -> bool:
    """Answer a line or follow its slash command; return False to leave."""
    match line.strip():
        case "":
            pass
        case "/quit" | "/exit":
            return False
        case "/emotion":
            talk.explain()
        case said if said.startswith("/"):
            talk.note(HELP if said == "/help" else f"There is no command {said.split()[0]}.\n{HELP}")
        case said:
            talk.say(said)
    return True


def _terminal(talk: ChatSession) -> Iterator[str]:
    """Yield what is typed; Ctrl-D ends, and so does a second Ctrl-C in a row."""
    import readline  # noqa: F401  # gives `input` its line editing and history

    while True:
        try:
            line = input("\001\033[1;36m\002  you        \001\033[0m\002")
            talk.interrupted = talk.interrupted and not line.strip()
            yield line
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            if talk.interrupted:
                return
            talk.interrupted = True
            print("  (Ctrl-C again or Ctrl-D to leave)")


def _piped() -> Iterator[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    yield from sys.stdin
