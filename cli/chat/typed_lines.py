"""What a person says: lines from a terminal, where a pasted text of several lines is one, or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from ..render import GUTTER
from .slash_commands import SLASH_COMMANDS

if TYPE_CHECKING:
    from .session import ChatSession

_YES = frozenset("yes y yeah yep sure ok okay ja oui si sí sim да はい 네 是 是的 对 對 对的 對的 好 好的".split())
_NO = frozenset(
    "no n nope nah cancel nevermind nein nee nej non não nao нет いいえ 아니요 不 不是 不用 不要 不了 不对 不對 不必 "
    "否 没有 沒有 取消 算了".split()
) | {"never mind", "no thanks", "no, thanks", "no thank you", "no, thank you"}


def yes_or_no(line: str) -> bool | None:
    """Return True for yes to a question of the chat, False for no, None for anything else."""
    words = line.strip().rstrip("!.。！").casefold()
    return True if words in _YES else False if words in _NO else None


def said_lines(session: ChatSession) -> Iterator[str]:
    """Yield each thing that is said, until the end of the input."""
    return _typed_lines(session) if sys.stdin.isatty() else _piped_lines()


def _typed_lines(session: ChatSession) -> Iterator[str]:
    """Yield what is typed; Ctrl-D ends, and so does a second Ctrl-C in a row."""
    from .display import gutter_label

    prompt = _prompt()
    while True:
        try:
            offered, session.offered = session.offered, ""
            label = gutter_label(session.words.you)
            line = prompt.prompt(
                [("", "  "), ("bold ansicyan", label)],
                default=offered,
                prompt_continuation=[("", " " * (GUTTER + 2))],
            )
            session.interrupted = session.interrupted and not line.strip()
            is_edited = offered and line.strip() and not line.startswith("/")
            yield f"/edit {line}" if is_edited else line
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            if session.interrupted:
                return
            session.interrupted = True
            session.note(session.words.leave)


def _prompt() -> Any:
    """Return the prompt: its history ends with the process, and Alt-Enter begins a new line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()
    keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
    commands = WordCompleter([f"/{command.name}" for command in SLASH_COMMANDS], sentence=True)
    return PromptSession(
        history=InMemoryHistory(),
        completer=commands,
        complete_while_typing=False,
        key_bindings=keys,
        enable_suspend=True,
    )


def _piped_lines() -> Iterator[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    yield from sys.stdin
