"""Errors of the command line: one sentence on stderr, and an exit code; after Ctrl-C the code alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import typer

from .lazy_commands import LazyGroup

FAILED, MISUSED, UNANSWERED, STOPPED = 1, 2, 3, 130
_DATABASE_ERRORS = ("OperationalError", "DatabaseError")
"""Classes of SQLite's and SQLAlchemy's errors about a file."""
_REASON_CHARACTERS = 200
"""Characters of a provider's text that are printed."""


class Failure(Exception):
    """The command failed; the message is the sentence to print."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
        """The exit code of the command."""


class Misuse(typer.BadParameter):
    """The command was called wrongly; it ends with code 2."""

    def format_message(self) -> str:
        """Return the sentence as it is."""
        return self.message


class HefGroup(LazyGroup):
    """A command group that turns every exception into one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, wrapping what it raises unless it is about usage."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if _is_usage(error):
                raise
            if ctx.params.get("debug"):
                import traceback

                traceback.print_exc()
            raise Failure(sentence(error), error.code if isinstance(error, Failure) else FAILED) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve the command; of one that a group has, the error names the group."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            groups = [name for name, command in self.commands.items() if args[0] in getattr(command, "commands", {})]
            if _is_usage(error) and groups:
                raise Misuse(f"there is no `hef {args[0]}`; did you mean `hef {groups[0]} {args[0]}`?") from None
            raise

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Parse the arguments, run, and end the process with the exit code."""
        _tolerate_any_encoding()
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except KeyboardInterrupt:
            code = STOPPED
        except typer.Abort as error:
            code = STOPPED if isinstance(error.__cause__, KeyboardInterrupt) else _print_error("stopped", FAILED)
        except Failure as error:
            code = _print_error(str(error), error.code)
        except BrokenPipeError:
            code = _exit_on_broken_pipe()
        except Exception as error:
            if not _is_usage(error):
                raise
            code = _print_usage(error)
        if standalone_mode:
            sys.exit(code)
        return code


def sentence(error: Exception) -> str:
    """Return the message of an error, in one line."""
    if isinstance(error, Failure) or _is_ours(error):
        return f"{error} ({reason})" if (reason := _provider_text(error)) else str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if type(error).__name__ in _DATABASE_ERRORS:
        return (
            "a file in HEF's folder could not be read or written: the disk is full, a limit on the size of files is "
            "reached, or the file is locked or damaged; make room, or give another folder by --home (`hef --debug …` "
            "shows where)"
        )
    return f"{type(error).__name__}: {error} (`hef --debug …` shows where)"


def exit_code(error: Exception) -> int:
    """Return the exit code of a turn that an error ended: a wrong set-up may show only when the LLM is loaded."""
    return MISUSED if _is_ours(error) and type(error).__name__ == "SetupError" else FAILED


def _provider_text(error: Exception) -> str:
    """Return what a provider said: a `ModelError` leaves it out, since it is logged; in one's own terminal it helps."""
    is_left_out = type(error).__name__ == "ModelError" and error.__suppress_context__ and error.__cause__ is None
    return " ".join(str(error.__context__ or "").split())[:_REASON_CHARACTERS] if is_left_out else ""


def _is_ours(error: Exception) -> bool:
    """Return whether it is a `HefError`, which only a command that loaded HEF can have raised."""
    errors = sys.modules.get("hef.contract.errors")
    return errors is not None and isinstance(error, errors.HefError)


def _is_usage(error: Exception) -> bool:
    """Return whether it is Click's usage error; Typer vendors Click, so there is no path to import it from."""
    return hasattr(error, "format_message") and getattr(error, "exit_code", None) == MISUSED


def _print_usage(error: Any) -> int:
    """Print a usage error; where a command is missing, its help was printed and the error has no words."""
    return _print_error(_usage(error), MISUSED) if error.format_message() else MISUSED


def _usage(error: Any) -> str:
    """Return the sentence of a usage error and the help that explains it."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "hef"
    message = error.format_message()
    if "unexpected extra argument" in message and context and context.params.get("as_json"):
        message += "; --json takes no file name, --out FILE does"
    return f"{message} (see `{path} --help`)"


def _print_error(message: str, code: int) -> int:
    from rich.console import Console
    from rich.text import Text

    from .render import printable

    line = Text.assemble(("error: ", "bold red"), printable(" ".join(message.split())))
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)
    return code


def _tolerate_any_encoding() -> None:
    """Let no character end a command that its streams cannot read or write; JSON escapes such characters itself."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def _exit_on_broken_pipe() -> int:
    """End quietly when the reader of a pipe is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
