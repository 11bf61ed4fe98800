"""`hef memory forget`: delete turns so that nothing of them is left."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..chat.chat_threads import belongs_to, forget_conversations
from ..error_messages import Failure, Misuse
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

if TYPE_CHECKING:
    from langgraph.store.base import SearchItem

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_SHOWN = 5


def forget(
    user: PersonOption = None,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    ids: IdOption = None,
    yes: YesOption = False,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Delete turns of a person, by default all, and rewrite the files so that nothing of them is left.

    The conversations of `hef chat` that hold them are deleted, too, and begin anew. The files behind a Chroma
    server are out of reach: `hef memory compact` rewrites them while the server is stopped.
    """
    from ..settings import settings

    chosen = settings(home=home, user=user)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    if not yes and (as_json or not _asks()):
        raise Misuse("nobody can be asked here; --yes deletes without asking")
    from ...memory import Selection, erase_turns, select_items
    from ...memory import dumps as dumped
    from ..progress_bars import advancing

    with opened(chosen) as store:
        if named := whole_ids(store, person, ids):
            selection = replace(selection, ids=tuple(named))
        doomed = select_items(store, person, selection)
        everything = selection == Selection()
        if not yes and doomed:
            _ask(doomed, person, everything=everything)
        with advancing() as advance:
            count = erase_turns(store, person, selection, report=advance)
    held = {str(item.value.get("thread", "")) for item in doomed}
    if thread is not None and selection == Selection(threads=selection.threads):
        held.update(selection.threads or ())
    conversations = forget_conversations(
        chosen.home, lambda one: belongs_to(person, one) and (everything or one in held)
    )
    if as_json:
        typer.echo(dumped({"user": person, "turns": count, "conversations": conversations}))
    else:
        _tell(count, conversations, person, server=chosen.chroma_url)


def compact(home: options.HomeOption = None, as_json: options.JsonOption = False) -> None:
    """Rewrite the memory's files so that nothing deleted is left in them.

    `hef memory forget` does so itself; it is for deletions by other programs, and by a Chroma server, which must
    be stopped meanwhile.
    """
    from ..settings import settings

    chosen = settings(home=home)
    if chosen.chroma_url:
        raise Misuse(f"HEF_CHROMA_URL is {chosen.chroma_url}; stop that server and unset it to rewrite its folder")
    path = chosen.home / "memory"
    if not path.is_dir():
        raise Failure(f"there is no memory in {chosen.home}; give its folder by --home")
    from ...memory import ChromaStore
    from ..progress_bars import advancing

    before, began = _size(path), time.monotonic()
    with ChromaStore(path) as store, advancing() as advance:
        store.erase(report=advance)
    after, took = _size(path), round(time.monotonic() - began, 1)
    if as_json:
        typer.echo(json.dumps({"folder": str(path), "bytes_before": before, "bytes": after, "seconds": took}))
    else:
        typer.echo(f"{path}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now, in {took:g} s")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _asks() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(doomed: Sequence[SearchItem], person: str, *, everything: bool) -> None:
    """Show what would be deleted, and leave unless the person agrees."""
    from rich.console import Console

    from .turn_table import printable, turns

    console = Console(highlight=False)
    console.print()
    console.print(turns(doomed[:_SHOWN], person))
    if len(doomed) > _SHOWN:
        console.print(f"  … and {len(doomed) - _SHOWN:,} more\n")
    what = "everything, " * everything + _turns(len(doomed))
    if not typer.confirm(f"  Forget {what} of {printable(person)}, for good?"):
        raise Failure("nothing was forgotten")


def _tell(count: int, conversations: int, person: str, *, server: str | None) -> None:
    from .turn_table import printable

    also = f" and {conversations:,} conversation{'s' * (conversations != 1)}" if conversations else ""
    typer.echo(f"Forgot {_turns(count)}{also} of {printable(person)}.")
    if server:
        typer.echo(
            f"What {server} has deleted may stay in its files until `hef memory compact` rewrites them.",
            err=True,
        )


def _turns(count: int) -> str:
    return f"{count:,} turn{'s' * (count != 1)}"
