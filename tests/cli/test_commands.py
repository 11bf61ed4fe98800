"""The commands of `hef`: loaded when they run, their options grouped, their help the same in list and command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest
import typer
from hef.cli.app import COMMANDS
from hef.cli.lazy_commands import LazyCommand, LazyGroup, expand_options
from typer.testing import CliRunner


def single_commands(entries: Iterable[Any]) -> Iterator[LazyCommand]:
    for entry in entries:
        if isinstance(entry, LazyCommand):
            yield entry
        else:
            yield from single_commands(entry.commands.values())


ALL = [*single_commands(COMMANDS)]


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.target)
def test_a_command_has_its_line_of_the_list_as_help_and_few_parameters(command: Any):
    loaded = command.load()
    assert loaded.help.split("\n")[0].startswith(command.help.removesuffix("."))
    assert loaded.callback is not None
    module, function = command.target.split(":")
    parameters = __import__(f"hef.cli.{module}", fromlist=[function]).__dict__[function].__code__.co_argcount
    assert parameters <= 8


def test_a_group_lists_its_commands_and_runs_one(monkeypatch: pytest.MonkeyPatch):
    group = LazyGroup(
        name="show", help="Show things.", commands=[LazyCommand("sems", "sems:sems", "List SEMs.", "Read")]
    )
    monkeypatch.setattr("hef.cli.sems.sems", lambda: print("loaded"))
    shown = CliRunner().invoke(group_app(group), ["show", "--help"]).output
    assert "List SEMs." in shown
    assert "Read" in shown
    assert CliRunner().invoke(group_app(group), ["show", "sems"]).output == "loaded\n"


def group_app(group: LazyGroup) -> typer.Typer:
    class Root(LazyGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**{**attributes, "commands": {"show": group}})

    app = typer.Typer(cls=Root)
    app.callback()(lambda: None)
    return app


@dataclass(frozen=True)
class Numbers:
    panel: ClassVar = "Numbers"
    first: Annotated[int, typer.Option(help="One.")]
    second: Annotated[int, typer.Option("--other", "-o", help="Two.", rich_help_panel="Others")] = 2


@dataclass(frozen=True)
class MoreNumbers(Numbers):
    third: Annotated[int | None, typer.Option(help="Three.")] = None


def run(*arguments: str) -> Any:
    def add(name: Annotated[str, typer.Argument()], numbers: MoreNumbers, loud: bool = False) -> None:
        print(name, numbers, loud)

    add.__annotations__ |= {"numbers": MoreNumbers, "name": Annotated[str, typer.Argument()], "loud": bool}
    app = typer.Typer()
    app.command()(expand_options(add))
    return CliRunner().invoke(app, list(arguments))


def test_a_dataclass_of_options_is_expanded_and_passed_as_one():
    assert run("sum", "--first", "1").output == "sum MoreNumbers(first=1, second=2, third=None) False\n"
    assert "first=3, second=4, third=5) True" in run("x", "--first", "3", "-o", "4", "--third", "5", "--loud").output
    assert run("sum").exit_code == 2


def test_options_stand_in_the_panel_of_their_group_unless_they_name_one():
    shown = run("--help").output
    numbers, others = shown.index("Numbers"), shown.index("Others")
    assert numbers < shown.index("--first") < shown.index("--third") < others < shown.index("--other")
