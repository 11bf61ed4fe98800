"""Options and steps that `hef train sem` and `hef train adapter` share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

import typer

from ..error_messages import STOPPED, Failure, Misuse
from ..options import option
from ..output import advancing, report_skipped_rows

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ...data.conversations import Conversation
    from ..settings import Settings

    R = TypeVar("R", bound=BaseModel)

_DEFAULT_DATA = Path("empathetic_dialogues", "train.jsonl.gz")

Folders: TypeAlias = list[Path] | None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The run folder and its data."""

    run: Annotated[Path, option("Run folder; a stopped run in it is resumed.", metavar="FOLDER")]
    data: Annotated[
        Path | None,
        option(
            f"JSON lines of conversations, .gz or not.  \\[default: {_DEFAULT_DATA} in HEF_DATA]",
            "--data",
            "-d",
            metavar="FILE",
            show_default=False,
        ),
    ] = None
    valid: Annotated[Path | None, option("Conversations to measure the finished run on.", metavar="FILE")] = None

    def source(self, settings: Settings) -> Path:
        """Return the file of the conversations.

        Raises:
            Misuse: There is none.
        """
        if self.data is None and settings.data is None:
            raise Misuse("there is no data; give --data FILE, or set HEF_DATA to the folder with empathetic_dialogues/")
        return self.data or Path(settings.data or "", _DEFAULT_DATA)


@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """Settings that both recipes have."""

    panel: ClassVar = "Recipe"
    teacher: Annotated[
        Folders,
        option("Folder of a finished SEM run to learn from, too; may be given several times.", metavar="FOLDER"),
    ] = None
    passes: Annotated[float | None, option("Passes over the conversations.", metavar="X")] = None
    batch_size: Annotated[int | None, option("Samples per step.", metavar="N", min=1)] = None
    learning_rate: Annotated[float | None, option("Highest learning rate.", metavar="X")] = None
    seed: Annotated[int | None, option("Of shuffling and dropout.", metavar="N")] = None
    settings: Annotated[
        list[str] | None,
        option(
            "Any other setting of the recipe, such as teacher_weight=0.5; may be given several times.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None

    def change(self, recipe: R, **changes: Any) -> R:
        """Return a recipe with these and further settings; None leaves a setting as it is.

        Raises:
            Misuse: A setting is unknown, or out of its range.
        """
        from pydantic import ValidationError

        changes |= {name: getattr(self, name) for name in ("passes", "batch_size", "learning_rate", "seed")}
        changes |= {"teachers": paths(self.teacher), **_parse_settings(self.settings or [])}
        changes = {name: value for name, value in changes.items() if value is not None}
        known = type(recipe).model_fields
        if unknown := sorted(changes.keys() - known.keys()):
            raise Misuse(f"--set names {unknown[0]!r}: this recipe has {', '.join(known)}")
        try:
            return type(recipe).model_validate(recipe.model_dump() | changes)
        except ValidationError as error:
            first = error.errors()[0]
            option = str(first["loc"][0]).replace("_", "-")
            raise Misuse(f"--{option} is {first['input']!r}: {first['msg'].lower()}") from None


def paths(folders: Folders) -> list[str] | None:
    """Return folders as text, None where there are none."""
    return [str(folder) for folder in folders] if folders else None


def load_conversations(file: Path, labels: Sequence[str]) -> tuple[list[Conversation], int]:
    """Return the labelled conversations of a file, and how many rows were skipped; those are named on stderr.

    Raises:
        Failure: There are fewer than two conversations.
    """
    from ...data.conversations import read_labelled

    conversations, skipped = read_labelled(file, labels)
    report_skipped_rows(skipped)
    if len(conversations) < 2:
        raise Failure(f"{file} has {len(conversations)} readable conversations; at least 2 are needed")
    return conversations, len(skipped)


def train_to_end(run: Any, describe: Callable[[Any], str]) -> tuple[Any, Any]:
    """Train with a progress bar; return the model and the last progress, None where nothing was left to train."""
    last: Any = None

    def show(progress: Any) -> None:
        nonlocal last
        last = progress
        advance(f"loss {progress.loss:.3f}, {describe(progress)}", progress.step, progress.steps)

    run.report = show
    try:
        with advancing() as advance:
            return run.train(), last
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command resumes from the last checkpoint in {run.folder}", err=True)
        raise typer.Exit(STOPPED) from None


def print_result(result: Mapping[str, Any], figures: Mapping[str, str], *, as_json: bool) -> None:
    """Print what a run reached, as JSON or as one line per figure."""
    if as_json:
        typer.echo(json.dumps(result))
        return
    from rich.console import Console

    from ..render import field

    console = Console(highlight=False)
    console.print()
    field(console, "run", result["run"])
    field(console, "data", f"{result['conversations']:,} conversations, {result['broken']} rows left out")
    for name, text in figures.items():
        field(console, name.replace("_", " "), text)
    if result["export"]:
        field(console, "exported", result["export"])
    console.print()


def _parse_settings(settings: Sequence[str]) -> dict[str, str]:
    """Return settings of the form NAME=VALUE by their name."""
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise Misuse(f"--set is {name + equals + value!r}: expected NAME=VALUE, such as teacher_weight=0.5")
    return {name.replace("-", "_"): value for name, _, value in pairs}
