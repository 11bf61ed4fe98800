"""`hef memory export`, `hef memory import` and `hef train feedback`: what is stored, as JSON lines in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..error_messages import FAILED, Misuse
from ..options import Home, Json, Sem, option
from ..settings import load_settings
from .select_turns import TurnIdOptions, TurnOptions, open_memory

if TYPE_CHECKING:
    from ...contract.progress import Progress

STANDARD = Path("-")
"""Stdin or stdout instead of a file."""

OutFile = Annotated[
    Path, typer.Argument(help="The file to write; - is stdout.", metavar="[FILE | -]", dir_okay=False, allow_dash=True)
]
InFile = Annotated[
    Path, typer.Argument(help="The exported file; - is stdin.", metavar="FILE | -", dir_okay=False, allow_dash=True)
]
Everyone = Annotated[bool, option("Export every user's turns, for a backup.", "--everyone")]
Everybody = Annotated[bool, option("Export every user's feedback.", "--everyone")]
Into = Annotated[str | None, option("Whose memory they go to; else whose they were.", "--user", "-u", metavar="NAME")]


def export(which: TurnIdOptions, file: OutFile = STANDARD, everyone: Everyone = False, as_json: Json = False) -> None:
    """Write all that is stored of a person as JSON lines.

    One turn per line, oldest first. Each line has user, id, times of creation and of change, and the complete turn;
    `hef memory import` reads it. A file that exists is replaced when all is written.
    """
    _check_export(which, file, everyone=everyone, as_json=as_json)
    settings = load_settings(which)
    person = settings.person
    selection = which.selection(person)
    from ...memory import export_turns

    with open_memory(settings) as store:
        selection = which.with_ids(selection, store, person)
        _write_lines(export_turns(store, None if everyone else person, selection), file, "turn", as_json=as_json)


def import_turns(file: InFile, user: Into = None, sem: Sem = None, home: Home = None, as_json: Json = False) -> None:
    """Store turns that were exported.

    Those that are stored already are not touched. A line that is broken, or whose values no turn can have, is named
    on stderr with what was expected and left out, the rest is stored, and the exit code is 1. Of a text or reply of
    more than 20,000 characters the end is stored, which is said.
    """
    if user is not None and not user.strip():
        raise Misuse("--user is blank; give a text that names one person, or leave it out")
    settings = load_settings(home=home, sem=sem)
    from ...memory import import_turns as store_lines
    from ..render import json_line, printable

    with _lines(file) as lines, open_memory(settings, embeds=True, creates=True) as store, _progress(file) as advance:
        result = store_lines(store, lines, user_id=user, report=advance)
    for message in result.broken:
        typer.echo(printable(f"{file}: {message}"), err=True)
    if result.shortened:
        typer.echo(
            f"{file}: of {result.shortened:,} turns that are longer than a turn is stored, only the end was taken: the "
            "last 20,000 characters of text and reply",
            err=True,
        )
    counts = {"added": result.added, "replaced": result.replaced, "unchanged": result.unchanged}
    counts |= {"expired": result.expired} if result.expired else {}
    counts["broken"] = len(result.broken)
    if result.broken:
        typer.echo(f"{file}: correct what is named above and import it again; what is stored is left alone", err=True)
    if as_json:
        typer.echo(json_line(counts))
    else:
        typer.echo(", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing to import")
    if result.broken:
        raise typer.Exit(FAILED)


def feedback(which: TurnOptions, file: OutFile = STANDARD, everyone: Everybody = False, as_json: Json = False) -> None:
    """Write the emotions that people confirmed as data.

    The turns whose emotion a person confirmed or chose are written as conversations that `hef train sem --data`
    reads. They are the remembered turns of runs with `confirm_emotion`, `hef chat --confirm` among them.
    """
    _check_export(which, file, everyone=everyone, as_json=as_json)
    settings = load_settings(which)
    person = settings.person
    selection = which.selection(person)
    from ...memory import dumps, feedback_rows

    with open_memory(settings) as store:
        rows = feedback_rows(store, None if everyone else person, selection)
        _write_lines(map(dumps, rows), file, "conversation", as_json=as_json)


def _check_export(which: TurnOptions, file: Path, *, everyone: bool, as_json: bool) -> None:
    """Refuse options of an export that exclude each other.

    Raises:
        Misuse: They exclude each other.
    """
    if everyone and (which.user or which.thread):
        raise Misuse("--everyone cannot be combined with --user or --thread")
    if as_json and file == STANDARD:
        raise Misuse("--json prints the number of lines in FILE; give FILE, or leave --json out: the lines are JSON")


def _write_lines(lines: Iterable[str], file: Path, noun: str, *, as_json: bool) -> None:
    """Write lines, and print their number, as JSON or as text with this noun, where they go to a file."""
    count = 0
    with _output(file) as out:
        for line in lines:
            out.write(line.encode() + b"\n")
            count += 1
    if as_json:
        from ..render import json_line

        typer.echo(json_line({"file": str(file), f"{noun}s": count}))
    elif file != STANDARD:
        typer.echo(f"{count:,} {noun}{'s' * (count != 1)} written to {file}", err=True)


@contextmanager
def _output(file: Path) -> Iterator[BinaryIO]:
    """Yield the stream to write to; a file is replaced only when it is complete, and only its owner may read it."""
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    partial = file.with_name(f"{file.name}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            yield out
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _lines(file: Path) -> Iterator[BinaryIO]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    with file.open("rb") as lines:
        yield lines


@contextmanager
def _progress(file: Path) -> Iterator[Progress]:
    """Show how many lines are read, and of how many where the file can be counted first."""
    from ..output import advancing

    total: int | None = None
    if file != STANDARD:
        with file.open("rb") as lines:
            total = sum(1 for _ in lines)
    with advancing() as advance:
        yield lambda task, done, _: advance(task, done, total)
