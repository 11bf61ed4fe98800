"""Reading of JSON lines: a row that cannot be read is reported with its line number, the others are kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from ..contract import SetupError

T = TypeVar("T")


def open_lines(path: Path) -> BinaryIO:
    """Open a file of lines; with the suffix .gz it is gzipped."""
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def read_json_lines(path: Path, parse: Callable[[dict[str, Any]], T]) -> tuple[list[T], list[str]]:
    """Read a file of JSON lines into objects.

    Args:
        path: With the suffix .gz it is gzipped.
        parse: From a row to its object; whatever is wrong with a row, it raises a built-in exception.

    Returns:
        The objects, and one message for each row that could not be read, naming its line.
    """
    objects: list[T] = []
    broken: list[str] = []
    with open_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                objects.append(parse(json.loads(line)))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                broken.append(f"{path.name}:{number}: {type(error).__name__}: {error}")
    return objects, broken


def read_rows(path: Path, parse: Callable[[dict[str, Any]], T]) -> tuple[list[T], list[str]]:
    """Read a file of JSON lines into objects, at least one; see `read_json_lines`.

    Raises:
        SetupError: The file does not exist, or no row of it can be read.
    """
    require_file(path)
    objects, broken = read_json_lines(path, parse)
    if not objects:
        raise SetupError(f"{path} has no row that can be read" + (f" ({broken[0]})" if broken else ""))
    return objects, broken


def require_file(path: Path) -> None:
    """Check that a file exists.

    Raises:
        SetupError: It does not.
    """
    if not path.is_file():
        raise SetupError(f"there is no file {path}; give JSON lines, gzipped or not")
