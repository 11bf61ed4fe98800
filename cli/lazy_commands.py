"""Commands whose modules are imported only when they run, and the help of their groups."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from inspect import cleandoc
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from .option_groups import expand_options


class LazyCommand(TyperCommand):
    """A command that is imported when it runs; until then it has a name and a line of help.

    Args:
        name: How it is called.
        target: `module:function` below `hef.cli`.
        help: Its line in the list of commands, the first sentence of the function's docstring.
        panel: Panel of the list that shows it.
    """

    def __init__(self, name: str, target: str, help: str, panel: str | None = None) -> None:
        super().__init__(name, help=help, rich_help_panel=panel, add_help_option=False)
        self.target = target

    def load(self) -> Any:
        """Import the module and return the command."""
        module, function = self.target.split(":")
        command = expand_options(getattr(import_module(f"hef.cli.{module}"), function))
        paragraphs = cleandoc(command.__doc__ or "").split("\n\n")
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        app.command(self.name, help="\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))(command)
        return get_command(app)


class LazyGroup(TyperGroup):
    """A group of lazy commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help with Rich alone: Typer's own printer imports twice as much, Markdown and tracebacks too."""
        console = Console(highlight=False)
        console.print(Padding(f"[bold]{escape(self.get_usage(ctx))}[/]\n\n{self.help}", 1))
        options = (parameter.get_help_record(ctx) for parameter in self.get_params(ctx))
        panels: dict[str, list[tuple[str, str]]] = {"Options": [record for record in options if record]}
        for name, command in self.commands.items():
            title = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(title, []).append((name, command.help or ""))
        for title, rows in panels.items():
            console.print(_panel(title, rows))
        if self.epilog:
            console.print(Padding(self.epilog, 1))


def _panel(title: str, rows: Sequence[tuple[str, str]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(Text(name, style="bold cyan", no_wrap=True), text)
    return Panel(table, title=title, title_align="left", border_style="dim")
