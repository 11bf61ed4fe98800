"""`hef memory pin` and `hef memory hide`: turns that are always recalled, or never."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import Home, Json, Sem, option
from ..settings import load_settings
from .list_turns import SHORT_ID
from .select_turns import complete_id, open_memory

TurnId = Annotated[str, typer.Argument(help="The turn; the first letters of its id do.", metavar="ID")]
User = Annotated[str | None, option("Whose memory; else `me`.  \\[env: HEF_USER]", "--user", "-u", metavar="NAME")]
Unpin = Annotated[bool, option("Take the pin away.", "--undo")]
Unhide = Annotated[bool, option("Let it be recalled again.", "--undo")]


def pin(
    id: TurnId, user: User = None, undo: Unpin = False, sem: Sem = None, home: Home = None, as_json: Json = False
) -> None:
    """Always recall a turn, and keep it beyond its time.

    It is recalled with every reply, as far as the budget of memories goes, and takes the place of `hide`.
    """
    _mark(id, user, sem, home, as_json, mark="pinned", is_set=not undo)


def hide(
    id: TurnId, user: User = None, undo: Unhide = False, sem: Sem = None, home: Home = None, as_json: Json = False
) -> None:
    """Never recall a turn; it stays listed.

    No LLM is shown it any more. It stays listed and exported, and takes the place of `pin`.
    """
    _mark(id, user, sem, home, as_json, mark="never_recall", is_set=not undo)


def _mark(id: str, user: str | None, sem: str | None, home: Home, as_json: bool, *, mark: str, is_set: bool) -> None:
    settings = load_settings(user=user, sem=sem, home=home)
    person = settings.person
    from ...memory import mark_turn, select_items

    with open_memory(settings, embeds=True) as store:
        turn_id = complete_id([item.key for item in select_items(store, person)], id, person)
        turn = mark_turn(
            store,
            person,
            turn_id,
            pinned=is_set if mark == "pinned" else None,
            never_recall=is_set if mark == "never_recall" else None,
        )
    if as_json:
        from ..render import json_line

        typer.echo(json_line({"user": person, "id": turn.id, "pinned": turn.pinned, "never_recall": turn.never_recall}))
    else:
        now, before = {
            "pinned": ("always recalled", "recalled where it bears on what is said"),
            "never_recall": ("never recalled", "recalled again where it bears on what is said"),
        }[mark]
        typer.echo(f"{turn_id[:SHORT_ID]} is {now if is_set else before}.")
