"""`hef memory export` and `hef memory import`: JSON lines, to keep or to take along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from .. import options
from ..error_messages import FAILED
from .memory_options import (
    IdOption,
    PersonOption,
    SinceOption,
    ThreadOption,
    UntilOption,
    parse_selection,
    require_user,
    whole_ids,
)
from .open_memory import opened
from .write_lines import OutArgument, check_export, write_lines

if TYPE_CHECKING:
    from ...contract.progress import Progress

InArgument = Annotated[
    Path,
    typer.Argument(help="The file that was exported; - is stdin.", metavar="FILE | -", dir_okay=False, allow_dash=True),
]
EveryoneOption = Annotated[bool, typer.Option("--everyone", help="Export every user's turns, for a backup.")]
IntoOption = Annotated[
    str | None,
    typer.Option("--user", "-u", help="Whose memory they go to; else whose they were.", metavar="NAME"),
]


def export(
    file: OutArgument = Path("-"),
    user: PersonOption = None,
    everyone: EveryoneOption = False,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    ids: IdOption = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Write all that is stored of a person as JSON lines, a turn a line, oldest first.

    Each line holds user, id, times of creation and of change, and the whole turn; `hef memory import` reads it.
    A file that exists is replaced when all is written.
    """
    check_export(file, everyone=everyone, narrowed=bool(user or thread), as_json=as_json)
    from ..settings import settings

    chosen = settings(home=home, user=user)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    from dataclasses import replace

    from ...memory import export_turns

    with opened(chosen) as store:
        if named := whole_ids(store, person, ids):
            selection = replace(selection, ids=tuple(named))
        write_lines(export_turns(store, None if everyone else person, selection), file, "turn", as_json=as_json)


def import_memory(
    file: InArgument,
    user: IntoOption = None,
    sem: options.SemOption = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Store turns that were exported; those that are stored already are left alone.

    A broken line is named on stderr and left out, the rest goes on, and the exit code is 1.
    """
    from ..settings import settings

    chosen = settings(home=home, sem=sem)
    from ...memory import dumps as dumped
    from ...memory import import_turns

    with _lines(file) as lines, opened(chosen, embeds=True, makes=True) as store, _progress(file) as advance:
        done = import_turns(store, lines, user_id=user, report=advance)
    for fault in done.broken:
        typer.echo(f"{file}: {fault}", err=True)
    counts = {"added": done.added, "replaced": done.replaced, "unchanged": done.unchanged, "broken": len(done.broken)}
    if as_json:
        typer.echo(dumped(counts))
    else:
        typer.echo(", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing to import")
    if done.broken:
        raise typer.Exit(FAILED)


@contextmanager
def _lines(file: Path) -> Iterator[BinaryIO]:
    if file == Path("-"):
        yield sys.stdin.buffer
        return
    with file.open("rb") as lines:
        yield lines


@contextmanager
def _progress(file: Path) -> Iterator[Progress]:
    """Show how many lines are read, and of how many where the file can be counted first."""
    from ..progress_bars import advancing

    total: int | None = None
    if file != Path("-"):
        with file.open("rb") as lines:
            total = sum(1 for _ in lines)
    with advancing() as advance:
        yield lambda task, done, _: advance(task, done, total)
