"""`hef memory forget` and `hef memory compact`: delete turns so that nothing of them remains in the files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..build_graph import MEMORY_SECONDS
from ..chat.chat_threads import is_with, thread_name
from ..chat.forget_conversations import (
    CleanedConversations,
    dev_server_traces,
    forget_conversations,
    rewrite_conversations,
    turns_with_the_same_words,
)
from ..error_messages import FAILED, Failure, Misuse
from ..options import Home, Json, option
from ..settings import load_settings
from .forget_chat_turns import ForgottenTurns, forget_chat_turns
from .select_turns import TurnIdOptions, open_memory

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore, SearchItem

    from ...contract.progress import Progress
    from ...memory import Selection
    from ..settings import Settings

Yes = Annotated[bool, option("Do not ask.", "--yes", "-y")]
_SHOWN = 5


def forget(which: TurnIdOptions, yes: Yes = False, as_json: Json = False) -> None:
    """Delete turns of a person, by default all, for good.

    The files are rewritten so that nothing of the turns remains. All turns of a person, or of a conversation, take the
    conversations of `hef chat` with them; single turns (--id) and those of a time are taken out of theirs, which go
    on, or are deleted where a turn cannot be told from the others. What `hef serve chat` knows of the turns goes with
    them, also while it runs. What is left in a file, why, and what to do is said
    on stderr, and the exit code is 1. The files behind a Chroma server are out of reach: `hef memory compact`
    rewrites them while the server is stopped.
    """
    settings = load_settings(which)
    person = settings.person
    selection = which.selection(person)
    if not yes and (as_json or not _is_interactive()):
        raise Misuse("this is not a terminal, so nobody can confirm; --yes deletes without asking")
    from ...memory import Selection, select_items
    from ..chat.conversation_file import turn_lock
    from ..output import advancing
    from ..render import json_line, printable_name

    with open_memory(settings) as store:
        selection = which.with_ids(selection, store, person)
        items = select_items(store, person, selection)
    everything = selection == Selection()
    is_whole = selection == Selection(threads=selection.threads, character=selection.character)
    if not yes and items:
        _confirm(items, person, everything=everything, conversations=is_whole)
    waiting = partial(typer.echo, f"waiting for a turn of {printable_name(person)} in `hef chat` …", err=True)
    lock = turn_lock(settings.home, person, waiting) if settings.home.exists() else nullcontext()  # nothing to change
    with lock, open_memory(settings) as store, advancing() as advance:
        items, stored = select_items(store, person, selection), select_items(store, person)
        emptied = _emptied_threads(items, stored) if is_whole else set()
        deletes = partial(_is_deleted, person, selection, emptied) if is_whole else lambda thread: False
        count, cleaned = forget_selected(settings, store, selection, deletes=deletes, report=advance)
    if as_json:
        counts = {"conversations": cleaned.deleted, "shortened": cleaned.shortened}
        notes = {"repeated": cleaned.repeated, "left": cleaned.left}
        typer.echo(json_line({"user": person, "turns": count, **counts, **notes}))
    else:
        _print_result(count, cleaned, person, server=settings.chroma_url)
    if cleaned.left:
        raise typer.Exit(FAILED)


def forget_selected(
    settings: Settings,
    store: BaseStore,
    selection: Selection,
    *,
    deletes: Callable[[str], bool] = lambda thread: False,
    report: Progress | None = None,
) -> tuple[int, CleanedConversations]:
    """Delete selected turns from memory, conversations and files; return how many, and what is left where.

    Whoever calls this holds the person's `turn_lock`.

    Args:
        settings: Whose turns, and the folder of memory and conversations.
        store: The memory.
        selection: Which turns.
        deletes: Whether a conversation, given by its id, is to be deleted entirely.
        report: Receives the progress of the rewriting.
    """
    from ...memory import Selection, erase_turns, list_turns, select_items
    from ...memory.chroma.disk.disk_room import retry_with_reserve

    home, person = settings.home, settings.person
    # The conversations first: what was in which is known from the memory alone.
    turns = [{**item.value, "id": item.key} for item in select_items(store, person, selection)]
    everything = select_items(store, person, with_hidden=True)
    threads = selection.threads if selection == Selection(threads=selection.threads) else None
    forgotten = ForgottenTurns(
        person,
        items=[item for item in everything if selection.includes(item)],
        others=[item for item in everything if not selection.includes(item)],
        is_everything=selection == Selection(),
        threads=threads or (),
    )
    cleaned = retry_with_reserve(home / "memory", partial(forget_conversations, home, person, turns, deletes))
    cleaned.left += forget_chat_turns(settings, forgotten)
    cleaned.left += dev_server_traces((home, Path.cwd()), cleaned.sayings)
    count = erase_turns(store, person, selection, report=report)
    cleaned.repeated += turns_with_the_same_words(list_turns(store, person), cleaned.sayings)
    return count, cleaned


def compact(home: Home = None, as_json: Json = False) -> None:
    """Rewrite the memory's files without what was deleted.

    `hef memory forget` does so itself; this is for deletions by other programs, and by a Chroma server, which must
    be stopped meanwhile.
    """
    settings = load_settings(home=home)
    if settings.chroma_url:
        raise Misuse(f"HEF_CHROMA_URL is {settings.chroma_url}; stop that server and unset it to rewrite its folder")
    path = settings.home / "memory"
    if not path.is_dir():
        raise Failure(f"there is no memory in {settings.home}; give its folder by --home")
    from ...memory import ChromaStore
    from ...memory.chroma.disk.disk_room import stored_bytes
    from ..output import advancing
    from ..render import json_line

    before, started = stored_bytes(path), time.monotonic()
    with ChromaStore(path, wait=MEMORY_SECONDS) as store, advancing() as advance:
        store.erase(report=advance)
    if left := rewrite_conversations(settings.home):
        raise Failure(left[0])
    after, seconds = stored_bytes(path), round(time.monotonic() - started, 1)
    if as_json:
        typer.echo(json_line({"folder": str(path), "bytes_before": before, "bytes": after, "seconds": seconds}))
    else:
        typer.echo(f"{path}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now, in {seconds:g} s")


def _emptied_threads(items: Sequence[SearchItem], stored: Sequence[SearchItem]) -> set[str]:
    """Return the conversations of forgotten turns of which nothing else is remembered."""
    keys = {(item.namespace, item.key) for item in items}
    others = {item.value.get("thread") for item in stored if (item.namespace, item.key) not in keys}
    return {str(item.value.get("thread")) for item in items} - others


def _is_deleted(person: str, selection: Selection, emptied: Container[str], thread: str) -> bool:
    """Return whether a conversation is forgotten entirely, where neither ids nor a time are selected."""
    if selection.threads is not None:
        return thread in selection.threads
    character = selection.character
    return (
        character is None or thread in emptied or (character != "" and is_with(character, thread_name(person, thread)))
    )


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _confirm(items: Sequence[SearchItem], person: str, *, everything: bool, conversations: bool) -> None:
    """Show what would be deleted, and leave unless the person agrees."""
    from rich.console import Console

    from ..render import printable_name
    from .list_turns import turn_count, turn_table

    console = Console(highlight=False)
    console.print()
    console.print(turn_table(items[:_SHOWN], person))
    if len(items) > _SHOWN:
        console.print(f"  … and {len(items) - _SHOWN:,} more\n")
    deleted, shortened = (
        "Their conversations of `hef chat` are deleted",
        "They are taken out of `hef chat`'s conversations",
    )
    console.print(f"  {deleted if conversations else shortened}, too.")
    what = "everything, " * everything + turn_count(len(items))
    if not typer.confirm(f"  Forget {what} of {printable_name(person)}, for good?"):
        raise Failure("nothing was forgotten")


def _print_result(count: int, cleaned: CleanedConversations, person: str, *, server: str | None) -> None:
    from ..render import printable, printable_name
    from .list_turns import turn_count

    deleted = f" and {_conversations(cleaned.deleted)}" if cleaned.deleted else ""
    shortened = f"; took what was forgotten out of {_conversations(cleaned.shortened)}" if cleaned.shortened else ""
    typer.echo(f"Forgot {turn_count(count)}{deleted} of {printable_name(person)}{shortened}.")
    if server:
        typer.echo(f"Files of {server} may still contain it until `hef memory compact` rewrites them.", err=True)
    for note in cleaned.repeated:
        typer.echo(printable(f"note: {note}"), err=True)
    for leftover in cleaned.left:
        typer.echo(printable(f"left in {leftover}"), err=True)


def _conversations(count: int) -> str:
    return f"{count:,} conversation{'s' * (count != 1)}"
