"""Lines that are written of a memory: to a file that is whole or not there, or to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ..error_messages import Misuse

OutArgument = Annotated[
    Path, typer.Argument(help="The file to write; - is stdout.", metavar="[FILE | -]", dir_okay=False, allow_dash=True)
]


def check_export(file: Path, *, everyone: bool, narrowed: bool, as_json: bool) -> None:
    """Refuse options of an export that exclude each other.

    Args:
        file: Where the lines go.
        everyone: Whether all users are meant.
        narrowed: Whether a user or a conversation is named.
        as_json: Whether what was written is told as JSON.

    Raises:
        Misuse: They do.
    """
    if everyone and narrowed:
        raise Misuse("--everyone goes without --user and --thread")
    if as_json and file == Path("-"):
        raise Misuse("--json tells what was written to a FILE; without one the lines themselves are JSON")


def write_lines(lines: Iterable[str], file: Path, what: str, *, as_json: bool) -> None:
    """Write lines, and tell how many where they go to a file.

    Args:
        lines: Without their ends.
        file: Where they go; - is stdout.
        what: What a line holds, in the singular.
        as_json: Tell it as JSON.
    """
    from ...memory import dumps as dumped

    count = 0
    with _written(file) as out:
        for line in lines:
            out.write(line.encode() + b"\n")
            count += 1
    if as_json:
        typer.echo(dumped({"file": str(file), f"{what}s": count}))
    elif file != Path("-"):
        typer.echo(f"{count:,} {what}{'s' * (count != 1)} written to {file}", err=True)


@contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """Give what to write to; a file takes its place only when it is whole, and nobody else may read it."""
    if file == Path("-"):
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    partial = file.with_name(f"{file.name}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            yield out
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
