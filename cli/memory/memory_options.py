"""Options that the `hef memory` commands share, and what they select."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ..chat.chat_threads import thread_name
from ..error_messages import Misuse

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

    from ...memory import Selection
    from ..settings import Settings

_WHICH = "Which turns"

PersonOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--user", "-u", help="Whose memory; else `me`.  \\[env: HEF_USER]", metavar="NAME", rich_help_panel=_WHICH
    ),
]
ThreadOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--thread", "-t", help="Turns of this conversation.", metavar="NAME", rich_help_panel=_WHICH),
]
SinceOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--since", help="From this day (2026-11-24) or moment on.", metavar="DATE", rich_help_panel=_WHICH),
]
UntilOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--until", help="Up to this day, which is included, or this moment.", metavar="DATE", rich_help_panel=_WHICH
    ),
]
IdOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--id", help="This turn; the first letters of its id do. Can be repeated.", metavar="ID", rich_help_panel=_WHICH
    ),
]
LimitOption: TypeAlias = Annotated[
    int, typer.Option("--limit", "-n", min=1, help="How many turns at most.", metavar="N", rich_help_panel=_WHICH)
]


def require_user(settings: Settings) -> str:
    """Return whose memory is meant, the same as in `hef chat`."""
    return settings.user or "me"


def parse_selection(
    person: str, thread: str | None, since: str | None, until: str | None, ids: list[str] | None = None
) -> Selection:
    """Return what the options select; ids are whole ones, see `whole_ids`.

    Raises:
        Misuse: A date is none, or the range is empty.
    """
    from ...memory import Selection

    first = None if since is None else _moment("--since", since, ends=False)
    last = None if until is None else _moment("--until", until, ends=True)
    if first is not None and last is not None and first >= last:
        raise Misuse(f"--since {since} is not before --until {until}")
    # A turn that another host stored names its conversation without the person.
    threads = None if thread is None else (thread_name(person, thread), thread)
    return Selection(threads, first, last, None if ids is None else tuple(ids))


def whole_ids(store: BaseStore, person: str, given: list[str] | None) -> list[str] | None:
    """Return the ids that the given beginnings of ids stand for.

    Raises:
        Misuse: One begins no id of this user, or more than one.
    """
    if not given:
        return None
    from ...memory import select_items

    held = [item.key for item in select_items(store, person)]
    return [_whole(held, beginning, person) for beginning in given]


def _whole(held: list[str], beginning: str, person: str) -> str:
    found = [beginning] if beginning in held else [id for id in held if beginning and id.startswith(beginning)]
    if len(found) != 1:
        many = "no turn" if not found else f"{len(found)} turns"
        raise Misuse(f"--id {beginning!r} begins the id of {many} of {person}; `hef memory list` shows them")
    return found[0]


def _moment(option: str, given: str, *, ends: bool) -> float:
    """Return Unix time; a day without a time is meant whole, and local."""
    try:
        day = datetime.combine(date.fromisoformat(given), clock.min)
        return (day + timedelta(days=ends)).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(given).timestamp()
    except (ValueError, OverflowError, OSError):
        raise Misuse(f"{option} is {given!r}; give a date such as 2026-11-24 or 2026-11-24T18:30") from None
