"""Options that select turns of a person's memory, and the memory that they select from."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

from ..build_graph import MEMORY_SECONDS
from ..chat.chat_threads import thread_id, thread_with
from ..error_messages import Misuse
from ..options import Home, option
from ..settings import make_home

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

    from ...memory import Selection
    from ..settings import Settings

Limit: TypeAlias = Annotated[
    int, option("How many turns at most.", "--limit", "-n", metavar="N", min=1, panel="Which turns")
]


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Whose turns, with which character, of which conversation, and of which time."""

    panel: ClassVar = "Which turns"
    user: Annotated[
        str | None, option("Whose memory; else `me`.  \\[env: HEF_USER]", "--user", "-u", metavar="NAME")
    ] = None
    character: Annotated[
        str | None,
        option("Turns with this character, by its id; '' for those with none.", "--character", "-c", metavar="NAME"),
    ] = None
    thread: Annotated[str | None, option("Turns of this conversation.", "--thread", "-t", metavar="NAME")] = None
    since: Annotated[str | None, option("From this day (2026-11-24) or moment on.", metavar="DATE")] = None
    until: Annotated[str | None, option("Up to and including this day, or up to this moment.", metavar="DATE")] = None
    home: Home = None

    def selection(self, person: str) -> Selection:
        """Return the selection of a person's turns.

        Raises:
            Misuse: A date cannot be parsed, or the range is empty.
        """
        from ...memory import Selection

        first = None if self.since is None else _timestamp("--since", self.since, end_of_day=False)
        last = None if self.until is None else _timestamp("--until", self.until, end_of_day=True)
        if first is not None and last is not None and first >= last:
            raise Misuse(f"--since {self.since} is not before --until {self.until}")
        return Selection(self._threads(person), first, last, character=self.character)

    def _threads(self, person: str) -> tuple[str, ...] | None:
        """Return the ids that the conversation may have; with a character its name is that beside the character's."""
        if self.thread is None:
            return None
        names = dict.fromkeys((self.thread, thread_with(self.character or None, self.thread)))
        # A turn that another host stored names its conversation without the person.
        return tuple(id for name in names for id in (thread_id(person, name), name))


@dataclass(frozen=True, slots=True)
class TurnIdOptions(TurnOptions):
    """The same, and single turns by their ids."""

    ids: Annotated[
        list[str] | None, option("This turn; the first letters of its id do. Can be repeated.", "--id", metavar="ID")
    ] = None

    def with_ids(self, selection: Selection, store: BaseStore, person: str) -> Selection:
        """Return the selection, limited to the turns of `--id`.

        Raises:
            Misuse: The letters begin no id of this user, or several.
        """
        if not self.ids:
            return selection
        from ...memory import select_items

        keys = [item.key for item in select_items(store, person)]
        return replace(selection, ids=tuple(complete_id(keys, prefix, person, "--id") for prefix in self.ids))


def open_memory(
    settings: Settings, *, embeds: bool = False, creates: bool = False
) -> AbstractContextManager[BaseStore]:
    """Return the memory of the settings, as `hef chat` has it.

    Args:
        settings: Its folder or server, and the SEM.
        embeds: Whether texts are searched or stored; otherwise the SEM is not loaded.
        creates: Whether a memory that does not exist is created; otherwise an empty one is returned for it.
    """
    from ...memory import ChromaStore

    path = settings.home / "memory"
    if settings.chroma_url is None and not path.is_dir() and not creates:
        from langgraph.store.memory import InMemoryStore

        return nullcontext(InMemoryStore())
    if settings.chroma_url is None:
        make_home(settings.home)
    if not embeds:
        return ChromaStore(None if settings.chroma_url else path, url=settings.chroma_url, wait=MEMORY_SECONDS)
    from ...graph import open_store

    return closing(open_store(settings.home, settings.sem, url=settings.chroma_url, wait=MEMORY_SECONDS))


def complete_id(keys: list[str], prefix: str, person: str, option: str = "ID") -> str:
    """Return the id that some letters begin.

    Raises:
        Misuse: They begin none of a person's ids, or several.
    """
    matches = [prefix] if prefix in keys else [key for key in keys if prefix and key.startswith(prefix)]
    if len(matches) != 1:
        count = "no turn" if not matches else f"{len(matches)} turns"
        raise Misuse(f"{option} {prefix!r} begins the id of {count} of {person}; `hef memory list` shows them")
    return matches[0]


def _timestamp(option: str, value: str, *, end_of_day: bool) -> float:
    """Return Unix time; a day without a time is a local day, with its end included for `--until`."""
    try:
        day = datetime.combine(date.fromisoformat(value), time.min)
        return (day + timedelta(days=end_of_day)).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        raise Misuse(f"{option} is {value!r}; give a date such as 2026-11-24 or 2026-11-24T18:30") from None
