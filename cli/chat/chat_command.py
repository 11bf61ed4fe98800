"""`hef chat`: a conversation that is remembered and can be continued after a restart."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated

import typer

from ..build_graph import preload_llm
from ..characters_list import chosen_character, name_broken_files, sem_by_character, with_model
from ..options import Confirm, Json, ModelOptions, ReplyOptions, UserOptions, option
from ..render import name_markup
from ..settings import load_settings
from .chat_threads import thread_with
from .conversation_list import find_conversation_character
from .slash_commands import bare_command, help_lines, read_command
from .typed_lines import said_lines, yes_or_no

if TYPE_CHECKING:
    from .session import ChatSession

Thread = Annotated[
    str | None,
    option(
        "Which conversation to continue; otherwise that of today, or a new one after a pause.",
        "--thread",
        "-t",
        metavar="NAME",
        panel="Memory",
    ),
]


def chat(
    models: ModelOptions,
    options: ReplyOptions,
    memory: UserOptions,
    thread: Thread = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Talk with HEF; with --user, it remembers.

    The conversation is kept and continued after a restart, and a new one begins after a pause of some hours; with
    --private nothing is written to the disk. Reads lines from stdin where it is not a terminal, one message per line.
    In a terminal a pasted text of several lines is one message, and Alt-Enter begins a new line. Commands in the chat:
    """
    settings = load_settings(models, options, memory)
    own_model, character = settings.model, chosen_character(settings, memory.character)
    if character is not None and thread is not None:
        thread = thread_with(character.id, thread)
    elif thread is not None and not memory.no_memory:
        character = chosen_character(settings, find_conversation_character(settings.home, settings.person, thread))
    if memory.character is not None:
        name_broken_files(settings)
    settings = with_model(settings, character, models)
    preload_llm(settings.model)
    from .session import ChatSession

    stated = {"persona": options.persona, "language": options.language, "model": models.model}
    session = ChatSession(
        settings,
        options.reply_context(None, region=settings.region, confirm_emotion=confirm, remember_for=memory.remember_for),
        own_model=own_model,
        find_sem=sem_by_character(settings, models),
        stated={name: value for name, value in stated.items() if value},
        thread=thread,
        character=character,
        private=memory.no_memory,
        as_json=as_json,
    )
    with session:
        _introduce(session)
        session.greet()
        _follow(session)
    if session.exit_code:
        raise typer.Exit(session.exit_code)


chat.__doc__ = f"{cleandoc(chat.__doc__ or '')}\n\n{help_lines()}"


def _introduce(session: ChatSession) -> None:
    """Print that one talks with a program, and of the embedded LLM how well it talks."""
    from ...llm.weights.embedded_weights import is_embedded

    model, words = session.turn_context.model or session.settings.model, session.words
    is_small = model is None or is_embedded(str(model))
    session.note(f"{words.program} {words.small_model}" if is_small else words.program)


def _follow(session: ChatSession) -> None:
    """Answer each thing that is said, and follow commands, until the person leaves.

    A word that may be a command without its slash is asked about first, where a person can be asked. The answer to
    that is said to nobody.
    """
    from .slash_actions import run_command

    asked = ""
    for line in said_lines(session):
        if not (text := line.strip()):
            continue
        asked_before, asked = asked, ""
        answer = yes_or_no(text) if asked_before else None
        command = (str(bare_command(asked_before)), "") if answer else read_command(text)
        meant = bare_command(text)
        if answer is False:
            session.note(session.words.goes_on)
        elif command is not None:
            if not run_command(session, *command):
                return
        elif meant and not session.is_json and text != asked_before:
            asked = text
            session.note(session.words.meant.format(command=meant, word=name_markup(text)))
        else:
            session.answer(text)
