"""Commands whose modules are imported only when they run, and the help of their groups.

A command may take dataclasses of options: written once, shown in one panel, passed as one object.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


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
        paragraphs = map(_as_one_line, cleandoc(command.__doc__ or "").split("\n\n"))
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        app.command(self.name, help="\n\n".join(paragraphs))(command)
        return get_command(app)


def _as_one_line(paragraph: str) -> str:
    """Return a paragraph on one line; one that begins with Click's mark for it keeps its lines."""
    return paragraph if paragraph.startswith("\b") else " ".join(paragraph.split())


class LazyGroup(TyperGroup):
    """A group of lazy commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help with Rich alone: Typer's own printer imports twice as much, Markdown and tracebacks too."""
        console = Console(highlight=False, emoji=False)  # names of emoji are a large table
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
    return Panel(table, title=Text(title), title_align="left", border_style="dim")


def expand_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that has one parameter per field of each dataclass that the function takes.

    Fields are `Annotated[…, typer.Option(…)]`. A class attribute `panel` names the help panel of all fields that
    do not name another. The function is called with the dataclasses, made of what was given on the command line.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            parameters += _field_parameters(hints[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(function)
    def command(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        return function(**values)

    del command.__wrapped__  # else Typer reads the signature of the function itself
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _field_parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=_in_panel(hints[field.name], getattr(group, "panel", None)),
        )
        for field in fields(group)
    ]


def _in_panel(annotation: Any, panel: str | None) -> Any:
    """Return an annotation whose option stands in a panel, unless it names one."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, option = get_args(annotation)
    option = copy(option)
    option.rich_help_panel = option.rich_help_panel or panel
    return Annotated[kind, option]
