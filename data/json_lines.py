"""Files of JSON lines: rows of data, and the log of a long run that can be interrupted, with the settings behind it.

A row of data that cannot be read is reported with its line number, the others are kept.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ..contract import SetupError

T = TypeVar("T")
Row = TypeVar("Row", bound=BaseModel)


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


class JsonLinesLog(Generic[Row]):
    """Rows that are appended to a file of JSON lines as they come, so that an interrupted run can resume.

    Args:
        path: The file; its folder is created. None stores nothing.
        row_type: Type of the rows.
    """

    def __init__(self, path: Path | None, row_type: type[Row]) -> None:
        self.path = path
        self._row_type = row_type
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> list[Row]:
        """Return the stored rows; lines that an interrupted run left incomplete are skipped."""
        rows: list[Row] = []
        if self.path is None or not self.path.is_file():
            return rows
        for line in self.path.read_bytes().split(b"\n"):
            with suppress(ValidationError):
                rows.append(self._row_type.model_validate_json(line))
        return rows

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows to the end of the file, on lines of their own even where the last line is incomplete."""
        if self.path is None:
            return
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, 2)
                file.write(b"\n" * (file.read(1) != b"\n"))
            file.writelines(row.model_dump_json(exclude_none=True).encode() + b"\n" for row in rows)


def check_settings(path: Path, settings: Mapping[str, Any], *, name: str, advice: str) -> None:
    """Write the settings of a run into its folder, or compare them with those that the run began with.

    Args:
        path: JSON file in the folder of the run.
        settings: What the run depends on.
        name: What the settings are called in the message: `recipe`, `settings`.
        advice: What to do where they differ.

    Raises:
        SetupError: The run began with other settings, or the file is not JSON.
    """
    current = json.loads(json.dumps(dict(settings), default=str))
    if not path.is_file():
        path.write_text(json.dumps(current, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    try:
        first = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{path} is not JSON ({error}); {advice}") from error
    changed = [f"{key} {first.get(key)} -> {value}" for key, value in current.items() if first.get(key) != value]
    if changed:
        raise SetupError(f"the run in {path.parent} began with another {name} ({', '.join(changed)}); {advice}")
