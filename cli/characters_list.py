"""`hef characters`, and the character that a conversation is with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .error_messages import FAILED, Misuse
from .options import Json, ModelOptions, option
from .settings import Settings, load_settings

if TYPE_CHECKING:
    from ..characters import Character
    from .build_graph import CharacterSems

Folder = Annotated[
    Path | None, option("Folder of characters.  \\[env: HEF_CHARACTERS]", "--characters", metavar="FOLDER")
]


def characters(folder: Folder = None, as_json: Json = False) -> None:
    """List the characters that you can talk with.

    They are the files of a folder, NAME.toml or character cards NAME.png and NAME.json, and two examples. A file that
    is no character is named on stderr with what was expected, and left out; where all are, the exit code is 1.
    """
    settings = load_settings(characters=folder)
    from ..characters import example_characters, read_characters
    from .render import json_line

    characters, faults = read_characters(settings.characters_folder)
    rows = [(character, True) for character in characters.values()]
    rows += [(character, False) for id, character in example_characters().items() if id not in characters]
    _name_left_out(faults.values())
    if as_json:
        typer.echo(json_line([_row(character) for character, _ in rows]))
    else:
        _print(rows, settings.characters_folder)
    if faults and not characters:
        raise typer.Exit(FAILED)


def chosen_character(settings: Settings, name: str | None) -> Character | None:
    """Return the character of a name, None without one.

    Raises:
        Misuse: There is none of this name, or its file is no character.
    """
    if name is None:
        return None
    from ..characters import find_character
    from ..contract import SetupError

    try:
        return find_character(name, settings.characters_folder)
    except SetupError as error:
        raise Misuse(str(error)) from None


def with_model(settings: Settings, character: Character | None, models: ModelOptions) -> Settings:
    """Return the settings with a character's LLM; a flag comes before it, the environment after."""
    if character is None or not character.model or models.model is not None:
        return settings
    return settings.model_copy(update={"model": character.model})


def stated_sem(character: Character | None, models: ModelOptions) -> str | None:
    """Return the SEM that a character states, None where it states none or a flag names one."""
    return character.sem if character is not None and models.sem is None else None


def sem_by_character(settings: Settings, models: ModelOptions) -> Callable[[str | None], str | None]:
    """Return a function from the id of a character to the SEM that it states; a flag comes before all."""

    def find_sem(character: str | None) -> str | None:
        try:
            return stated_sem(chosen_character(settings, character), models)
        except Misuse:  # its file was taken away since the chat began
            return None

    return find_sem


def served_characters(
    settings: Settings, chosen: Character | None = None, taken: Collection[str] = ()
) -> tuple[dict[str, Character], CharacterSems]:
    """Return the characters that can be talked with, and their SEMs; which are left out, and why, is said on stderr.

    Args:
        settings: Folder of characters, LLM and SEM.
        chosen: The character that was named, which is not left out.
        taken: Names by which clients ask for something else; then ids that differ in case alone are left out, too.

    Raises:
        Misuse: The SEM of the one that was named cannot read.
    """
    from ..characters import clashing_ids, example_characters, read_characters
    from .build_graph import CharacterSems

    own, faults = read_characters(settings.characters_folder)
    characters = {**example_characters(), **own}
    clashes = clashing_ids([*own, *characters], taken) if taken else {}
    characters = {id: character for id, character in characters.items() if id not in clashes}
    sems = CharacterSems(settings, characters)
    if chosen is not None and chosen.id in sems.faults:
        raise Misuse(f"the SEM of the character {chosen.id}: {sems.faults[chosen.id]}")
    reasons = [
        *faults.values(),
        *(
            f"the character {id}: by this id clients ask for {clashes[id]!r}; rename its file"
            for id in own
            if id in clashes
        ),
        *(f"the character {id}, whose SEM: {fault}" for id, fault in sems.faults.items()),
    ]
    _name_left_out(reasons)
    return {id: character for id, character in characters.items() if id not in sems.faults}, sems


def name_broken_files(settings: Settings) -> None:
    """Say on stderr which files of the folder are no characters, and why."""
    from ..characters import read_characters

    _name_left_out(read_characters(settings.characters_folder)[1].values())


def _name_left_out(reasons: Iterable[str]) -> None:
    """Say on stderr which characters are left out, and why."""
    from .render import printable

    for reason in reasons:
        typer.echo(printable(f"left out: {reason}"), err=True)


def _print(rows: list[tuple[Character, bool]], folder: Path) -> None:
    """Print one row per character, what of its file is not used, and where the folder is."""
    from rich.console import Console
    from rich.text import Text

    from .output import figure_table
    from .render import ACCENT, FAINT, printable, printable_name

    console = Console(highlight=False)
    console.print()
    table = figure_table(None, ("character", "name", "language", "LLM", "memory", "file"))
    for character, is_own in rows:
        cells = (character.name, character.language or "", character.model or "")
        memory = "the person's own" if character.shared_memory else "its own"
        file = Path(character.source).name if is_own else "an example"
        table.add_row(
            Text(printable_name(character.id), style=f"bold {ACCENT}"),
            *(Text(printable_name(cell)) for cell in (*cells, memory, file)),
        )
    console.print(table)
    for character, _ in rows:
        if character.left_out:
            unused = "; ".join(character.left_out)
            console.print(Text(printable(f"  Of {character.id} is not used: {unused}."), style=FAINT))
    console.print(Text(printable(f"  Yours are in {folder}: NAME.toml, or character cards NAME.png and NAME.json\n")))


def _row(character: Character) -> dict[str, Any]:
    fields = ("id", "name", "language", "model", "sem", "shared_memory", "source", "left_out")
    return character.model_dump(mode="json", include=set(fields))
