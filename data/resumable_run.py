"""Files of a long run that can be interrupted: rows that are appended and read again, and the settings behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..contract import SetupError

Row = TypeVar("Row", bound=BaseModel)


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
