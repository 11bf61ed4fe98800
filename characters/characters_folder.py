"""The characters that there are: the files of a folder, and the examples that HEF brings along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from ..contract import SetupError
from .character import Character
from .character_cards import read_card
from .character_file import read_character_file

_READERS = {".toml": read_character_file, ".json": read_card, ".png": read_card}
"""Suffix -> what reads the file; of several files with one name the first of these is taken."""
_EXAMPLES = Path(__file__).parent / "examples"
_MAX_NAMED = 20
"""Characters that an error names at most."""


def load_characters(folder: Path) -> dict[str, Character]:
    """Return the characters of a folder by their ids, which are the names of their files; empty without a folder.

    `NAME.toml` is a file of HEF's, `NAME.json` and `NAME.png` are character cards. Other files, and hidden ones, are
    ignored.

    Args:
        folder: Where the files are.

    Raises:
        SetupError: A file is no character; the message names each such file, what it holds, and what was expected.
    """
    characters, faults = read_characters(folder)
    if faults:
        raise SetupError("; ".join(faults.values()))
    return characters


def read_characters(folder: Path) -> tuple[dict[str, Character], dict[str, str]]:
    """Return the characters of a folder by their ids, and of each file that is none why, by its path."""
    characters: dict[str, Character] = {}
    faults: dict[str, str] = {}
    for file in character_files(folder).values():
        try:
            characters[file.stem] = _READERS[file.suffix.lower()](file)
        except SetupError as error:
            faults[str(file)] = str(error)
    return characters, faults


def example_characters() -> dict[str, Character]:
    """Return the characters that HEF brings along, by their ids."""
    return load_characters(_EXAMPLES)


def available_characters(folder: Path) -> dict[str, Character]:
    """Return the characters of a folder and the examples, by their ids; one of the folder replaces an example.

    Raises:
        SetupError: A file of the folder is no character.
    """
    return {**example_characters(), **load_characters(folder)}


def clashing_ids(ids: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return which ids are taken by another one of any case, and by which; of two the first stands.

    Args:
        ids: Ids of characters.
        taken: Names that are no character's, and cannot be one's.
    """
    names = {name.casefold(): name for name in taken}
    first: dict[str, str] = {}
    others = {id: names.get(id.casefold()) or first.setdefault(id.casefold(), id) for id in ids}
    return {id: other for id, other in others.items() if other != id or id.casefold() in names}


def find_character(name: str, folder: Path | None = None) -> Character:
    """Return the character of an id or a name: of the folder, else of the examples.

    Args:
        name: The id, as it is written or in other case, or else the name by which people call it.
        folder: Where the host's characters are, see `load_characters`; a file that is broken and not meant is ignored.

    Raises:
        SetupError: There is none of this name, or its file is no character.
    """
    files = {**character_files(_EXAMPLES), **(character_files(folder) if folder else {})}
    by_id = {stem.casefold(): file for stem, file in files.items()}
    if file := files.get(name) or by_id.get(name.strip().casefold()):
        return _READERS[file.suffix.lower()](file)
    characters = {**example_characters(), **(read_characters(folder)[0] if folder else {})}
    for character in characters.values():
        if character.name.casefold() == name.strip().casefold():
            return character
    raise SetupError(_unknown(name, characters, folder))


def character_files(folder: Path) -> Mapping[str, Path]:
    """Return the file of each character of a folder, by its id, in the order of the ids."""
    order = list(_READERS)
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in order and not file.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SetupError(
            f"the folder {folder} cannot be read: {error.strerror}; give another by HEF_CHARACTERS"
        ) from None
    files.sort(key=lambda file: (file.stem, -order.index(file.suffix.lower())))
    return {file.stem: file for file in files}


def _unknown(name: str, known: Iterable[str], folder: Path | None) -> str:
    ids = sorted(known)
    near = get_close_matches(name.casefold()[:60], ids, n=1, cutoff=0.6)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    where = f"; write {folder / 'NAME.toml'} for another" if folder else ""
    return f"there is no character {name[:60]!r}{meant}; there are {', '.join(ids[:_MAX_NAMED])}{more}{where}"
