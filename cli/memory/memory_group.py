"""`hef memory`: what is stored of a person, taking it along, and its deletion."""

from __future__ import annotations

import typer

from .export_import import export, import_memory
from .forget import compact, forget
from .list_turns import list_memory, search
from .timeline_command import timeline

memory = typer.Typer(no_args_is_help=True, help="See, take along and delete what is remembered of a person.")

memory.command("list")(list_memory)
memory.command()(search)
memory.command()(timeline)
memory.command()(export)
memory.command("import")(import_memory)
memory.command()(forget)
memory.command()(compact)
