"""Reading JSON lines, gzipped or not: what cannot be read is named by its line, and the rest goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def read_json_lines(path: Path, make: Callable[[dict[str, Any]], T]) -> tuple[list[T], list[str]]:
    """Read a file of JSON lines into objects.

    Args:
        path: With the suffix .gz it is gzipped.
        make: From one row to its object; whatever is wrong with a row, it raises an error of Python's own.

    Returns:
        The objects, and one message for each row that could not be read, naming its line.
    """
    opened = gzip.open(path) if path.suffix == ".gz" else path.open("rb")
    made: list[T] = []
    broken: list[str] = []
    with opened as lines:
        for number, line in enumerate(lines, start=1):
            try:
                made.append(make(json.loads(line)))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                broken.append(f"{path.name}:{number}: {type(error).__name__}: {error}")
    return made, broken
