"""`hef train feedback`: confirmed emotions of the memory, as data to train on."""

from __future__ import annotations

from typing import Annotated

import typer

from ..memory.export_import import STANDARD, OutFile, check_export, write_lines
from ..memory.select_turns import TurnOptions, open_memory
from ..options import Json
from ..settings import load_settings

Everyone = Annotated[bool, typer.Option("--everyone", help="Export every user's feedback.")]


def feedback(which: TurnOptions, file: OutFile = STANDARD, everyone: Everyone = False, as_json: Json = False) -> None:
    """Write the emotions that people confirmed as data.

    The turns whose emotion a person confirmed or chose are written as conversations that `hef train sem --data`
    reads. They are the remembered turns of runs with `confirm_emotion`, `hef chat --confirm` among them.
    """
    check_export(file, everyone=everyone, narrowed=bool(which.user or which.thread), as_json=as_json)
    settings = load_settings(which)
    person = settings.person
    selection = which.selection(person)
    from ...memory import dumps, feedback_rows

    with open_memory(settings) as store:
        rows = feedback_rows(store, None if everyone else person, selection)
        write_lines(map(dumps, rows), file, "conversation", as_json=as_json)
