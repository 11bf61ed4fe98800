"""`hef feedback`: what people said their emotion was, as data to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options
from ..memory.memory_options import PersonOption, SinceOption, ThreadOption, UntilOption, parse_selection, require_user
from ..memory.open_memory import opened
from ..memory.write_lines import OutArgument, check_export, write_lines

EveryoneOption = Annotated[bool, typer.Option("--everyone", help="Export every user's feedback.")]

feedback = typer.Typer(no_args_is_help=True, help="Take the emotions that people confirmed or chose as training data.")


@feedback.callback()
def _feedback() -> None:
    """Keep the name of the command that stands alone."""


@feedback.command()
def export(
    file: OutArgument = Path("-"),
    user: PersonOption = None,
    everyone: EveryoneOption = False,
    thread: ThreadOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Write the turns whose emotion a person confirmed or chose, as conversations that `hef train --data` reads.

    They are the remembered turns of runs with `confirm_emotion`, `hef chat --confirm` among them.
    """
    check_export(file, everyone=everyone, narrowed=bool(user or thread), as_json=as_json)
    from ..settings import settings

    chosen = settings(home=home, user=user)
    person = require_user(chosen)
    selection = parse_selection(person, thread, since, until)
    from ...memory import dumps as dumped
    from ...memory import feedback_rows

    with opened(chosen) as store:
        rows = feedback_rows(store, None if everyone else person, selection)
        write_lines(map(dumped, rows), file, "conversation", as_json=as_json)
