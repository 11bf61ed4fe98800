"""`hef serve key`: who may ask the chat server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..error_messages import Failure, Misuse
from ..options import Home, Json, option
from ..settings import load_settings

if TYPE_CHECKING:
    from ...serving.keys import Key, KeyFile

Name = Annotated[str, typer.Argument(help="Whose key it is: a person, as in `hef chat --user`, or a front end.")]
Which = Annotated[str, typer.Argument(help="Id of a key, or a name, all of whose keys are revoked.")]
Keys = Annotated[Path | None, option("File of the keys.  \\[env: HEF_KEYS]", metavar="FILE")]
Label = Annotated[str, option("What it is used for, to tell keys apart.", metavar="TEXT")]
FrontEnd = Annotated[
    bool, option("It is a front end's, which says by trusted headers for whom it asks.", "--front-end")
]
SamePeople = Annotated[
    bool,
    option("The front end's people are those of the other keys and of hef chat, by the same names.", "--same-people"),
]


def add(
    name: Name,
    label: Label = "",
    front_end: FrontEnd = False,
    same_people: SamePeople = False,
    keys: Keys = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a key for a person or a front end.

    It is printed once, and stored nowhere: the file keeps its hash. With a person's key their memory is used, that of
    hef chat --user with the same name, whatever a request says. A front end's key (--front-end) may speak for the
    people whom its headers name (hef serve chat --trust); they are called NAME/ID, apart from all others, unless
    --same-people is given. A running server knows the key at once, and from its first key on asks for one.
    """
    if same_people and not front_end:
        raise Misuse("--same-people says whose the people of a front end are: give --front-end too, or leave it out")
    file = _open(keys, home)
    key, token = _in_words(lambda: file.add(name, label=label, front_end=front_end, same_people=same_people), file)
    if as_json:
        _print_json({**_row(key), "key": token})
        return
    whose = f"the front end {key.person}" if key.front_end else key.person
    typer.echo(f"the key of {whose}, which is shown this once ({file.path} keeps its hash):", err=True)
    typer.echo(token)


def list_keys(keys: Keys = None, home: Home = None, as_json: Json = False) -> None:
    """List the keys, without what they open.

    Beside each stand its id, whose it is, what for, and the day on which it was made.
    """
    file = _open(keys, home)
    known_keys = _in_words(lambda: file.keys, file)
    if as_json:
        _print_json([_row(key) for key in known_keys or ()])
    elif not known_keys:
        closed = "" if known_keys is None else "; until then the server lets nobody in, while the file is there"
        typer.echo(f"no key in {file.path}; `hef serve key add NAME` makes one{closed}")
    else:
        _print_table(known_keys)


def revoke(which: Which, keys: Keys = None, home: Home = None, as_json: Json = False) -> None:
    """Revoke a key, or all keys of a name.

    A running server refuses it at once. What is remembered of the person stays: hef memory forget deletes that.
    """
    file = _open(keys, home)
    revoked = _in_words(lambda: file.revoke(which), file)
    if not revoked:
        raise Failure(f"no key {which!r} in {file.path}; `hef serve key list` shows the keys")
    if as_json:
        _print_json([_row(key) for key in revoked])
    for key in () if as_json else revoked:
        typer.echo(f"revoked {key.id} of {key.person}{f' ({key.label})' if key.label else ''}")


def _open(keys: Path | None, home: Path | None) -> KeyFile:
    from ...serving.keys import KeyFile

    return KeyFile(load_settings(keys=keys, home=home).keys_file)


def _in_words(act: Any, file: KeyFile) -> Any:
    """Return what an act on the file returns.

    Raises:
        Misuse: The file cannot be read or written there, or a name is none.
    """
    from ...contract import SetupError

    try:
        return act()
    except SetupError as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        raise Misuse(f"{file.path} cannot be written: {error.strerror}; name another file by --keys") from error


def _row(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.person,
        "label": key.label,
        "created": key.created.isoformat(),
        "front_end": key.front_end,
        "same_people": key.same_people,
    }


def _print_json(value: Any) -> None:
    from ..render import json_line

    typer.echo(json_line(value))


def _print_table(keys: tuple[Key, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..render import FAINT, printable

    table = Table(box=None, padding=(0, 2, 0, 0), header_style=FAINT)
    for title in ("id", "name", "for", "made", ""):
        table.add_column(title, no_wrap=title != "for")
    for key in keys:
        kind = "front end, same people" if key.same_people else "front end" if key.front_end else ""
        table.add_row(key.id, printable(key.person), printable(key.label), key.created.isoformat(), kind)
    Console(highlight=False, markup=False).print(table)
