"""Command groups that import a command's module only when it is run: `hef --help` loads none of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command that is imported when it is run."""

    target: str
    """`module:attribute` below `hef.cli`; the attribute is a function or a `typer.Typer`."""
    help: str
    """Its line in the list of commands."""
    panel: str | None = None
    """Panel of the list that shows it."""


class LazyGroup(TyperGroup):
    """A group whose subclasses name their commands in `lazy_commands`."""

    lazy_commands: ClassVar[dict[str, LazyCommand]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, command in self.lazy_commands.items():
            self.add_command(
                TyperCommand(name, help=command.help, rich_help_panel=command.panel, add_help_option=False), name
            )

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that the arguments name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name in self.lazy_commands else command, rest

    def load(self, name: str) -> Any:
        """Return a command with its module imported."""
        module, attribute = self.lazy_commands[name].target.split(":")
        target = getattr(import_module(f"hef.cli.{module}"), attribute)
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False, rich_markup_mode="rich")
            target.command(name)(function)
        command = get_command(target)
        command.name = name
        return command
