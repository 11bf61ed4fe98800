"""`hef memory reembed`: the vectors of all turns anew, after a change of the SEM."""

from __future__ import annotations

import typer

from ..options import Home, Json, Sem
from ..settings import load_settings
from .list_turns import turn_count
from .select_turns import open_memory


def reembed(sem: Sem = None, home: Home = None, as_json: Json = False) -> None:
    """Compute the vectors of everybody's turns anew, as after an update whose SEM reads another way.

    All else of the turns stays as it is. If it is interrupted, run it again. Behind a Chroma server it may run while
    people talk; a turn that is edited at the very moment may keep the vectors of its old words.
    """
    settings = load_settings(home=home, sem=sem)
    from ...memory import ChromaStore, reembed_turns
    from ..output import advancing
    from ..render import json_line

    with open_memory(settings, embeds=True) as store, advancing() as advance:
        count = reembed_turns(store, advance) if isinstance(store, ChromaStore) else 0  # else nothing is stored
    typer.echo(json_line({"reembedded": count}) if as_json else f"{turn_count(count)} embedded anew")
