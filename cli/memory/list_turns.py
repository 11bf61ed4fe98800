"""`hef memory list` and `hef memory search`: what is stored of a person."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import options
from ..build_graph import require_text
from .memory_options import (
    LimitOption,
    PersonOption,
    SinceOption,
    ThreadOption,
    UntilOption,
    parse_selection,
    require_user,
)
from .open_memory import opened

TextArgument = Annotated[str, typer.Argument(help="What the turns should be about.", metavar="TEXT")]


def list_memory(
    user: PersonOption = None,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 20,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the turns that are stored, newest first."""
    from ..settings import settings

    chosen = settings(home=home, user=user)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    from ...memory import select_items
    from .turn_table import give_items

    with opened(chosen) as store:
        found = select_items(store, person, selection)[::-1]
    give_items(found[:limit], person, total=len(found), as_json=as_json)


def search(
    text: TextArgument,
    user: PersonOption = None,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 5,
    sem: options.SemOption = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Search the turns that are stored, most similar in meaning first."""
    from ..settings import settings

    asked, chosen = require_text(text), settings(home=home, user=user, sem=sem)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    from ...memory import search_items
    from .turn_table import give_items

    with opened(chosen, embeds=True) as store:
        found = search_items(store, person, asked, limit, selection)
    give_items(found, person, total=None, as_json=as_json)
