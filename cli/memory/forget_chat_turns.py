"""Take what is forgotten out of the turns of `hef serve chat`: the file of the home folder, and PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..serve.serve_chat import CONVERSATIONS
from ..settings import Settings

if TYPE_CHECKING:
    from langgraph.store.base import Item

    from ...serving.threads.turn_table import Database


@dataclass(frozen=True, slots=True)
class ForgottenTurns:
    """What is forgotten of a person."""

    person: str
    """Who."""
    items: Sequence[Item]
    """The stored turns that are forgotten."""
    others: Sequence[Item] = ()
    """Those that stay, hidden ones among them."""
    is_everything: bool = False
    """Whether all of the person is forgotten."""
    threads: Collection[str] = ()
    """Conversations that are forgotten entirely, whatever is stored of them."""

    async def remove_from(self, database: Database) -> None:
        """Take the rows of these turns out of a database; of a conversation of which nothing stays, all its rows."""
        from ...serving.threads.turn_removal import remove_person, remove_threads, remove_turns

        turns: defaultdict[str, set[str]] = defaultdict(set)
        for item in self.items:
            turns[str(item.value.get("thread"))].add(item.key)
        if self.is_everything:
            characters = {str(item.value.get("character") or "") or None for item in self.items}
            await remove_person(database, self.person, turns, characters)
            return
        emptied = {*self.threads, *turns.keys()} - {str(item.value.get("thread")) for item in self.others}
        await remove_threads(database, self.person, emptied)
        await remove_turns(database, self.person, {name: ids for name, ids in turns.items() if name not in emptied})


def forget_chat_turns(settings: Settings, forgotten: ForgottenTurns) -> list[str]:
    """Take turns out of what the chat server knows, also while it runs; return what is left where, and what to do.

    Args:
        settings: The home folder, and the address of PostgreSQL.
        forgotten: Which turns.
    """
    left: list[str] = []
    for name, opened in _databases(settings):
        try:
            with ThreadPoolExecutor(1) as thread:  # an event loop may run in this one
                thread.submit(asyncio.run, _remove(opened, forgotten)).result()
        except Exception as error:
            if not _is_out_of_reach(error):
                raise
            left.append(f"{name}: hashes of what was said could not be deleted ({type(error).__name__}); do it again")
    return left


def _databases(settings: Settings) -> Iterator[tuple[str, Callable[[], Database]]]:
    """Yield what tables of turns there may be: what they are called, and what opens them."""
    file, url = settings.home / CONVERSATIONS, settings.postgres_url

    def open_file() -> Database:
        from ...serving.threads.sqlite_turns import SqliteTurns

        return SqliteTurns(file)

    def open_server() -> Database:
        from ...serving.threads.postgres_turns import PostgresTurns

        return PostgresTurns(url or "")

    if file.exists():
        yield str(file), open_file
    if url:
        yield "the PostgreSQL of HEF_POSTGRES_URL", open_server


async def _remove(opened: Callable[[], Database], forgotten: ForgottenTurns) -> None:
    database = opened()
    try:
        await forgotten.remove_from(database)
    finally:
        await database.close()


def _is_out_of_reach(error: Any) -> bool:
    """Return whether a database cannot be read or written, or its client is not installed."""
    from ...contract import SetupError

    return isinstance(error, sqlite3.Error | OSError | ImportError | SetupError) or hasattr(error, "status")
