"""A folder that keeps what a long measurement made so far, so that a killed one goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ...contract import SetupError

Row = TypeVar("Row", bound=BaseModel)


class ReplyRun(Generic[Row]):
    """Rows as JSON lines, beside the settings that they were made with.

    Args:
        folder: Where they are kept, made where it is missing; None keeps nothing.
        kind: The type of a row.
        settings: What the rows depend on.

    Raises:
        SetupError: The folder holds rows that were made with other settings.
    """

    def __init__(self, folder: Path | None, kind: type[Row], settings: Mapping[str, Any]) -> None:
        self._rows = folder / "replies.jsonl" if folder else None
        self._kind = kind
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            _check(folder / "run.json", json.loads(json.dumps(dict(settings), default=str)))

    def read(self) -> list[Row]:
        """Return the rows; a last line that a killed run left half written is passed over."""
        if self._rows is None or not self._rows.is_file():
            return []
        found: list[Row] = []
        for line in self._rows.read_text(encoding="utf-8").splitlines():
            try:
                found.append(self._kind.model_validate_json(line))
            except ValidationError:
                continue
        return found

    def add(self, row: Row) -> None:
        """Append a row, at once on the disk."""
        if self._rows is None:
            return
        torn = self._rows.is_file() and self._rows.read_bytes()[-1:] not in (b"\n", b"")
        with self._rows.open("a", encoding="utf-8") as file:
            file.write("\n" * torn + row.model_dump_json() + "\n")


def _check(path: Path, settings: dict[str, Any]) -> None:
    """Write the settings, or compare them with those that stand there."""
    if not path.is_file():
        path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{path} is no JSON ({error}); give another --run folder") from error
    other = sorted(name for name in {*before, *settings} if before.get(name) != settings.get(name))
    if other:
        raise SetupError(
            f"{path.parent} was begun with another {', '.join(other)}: "
            f"{', '.join(f'{name} {before.get(name)!r} then, {settings.get(name)!r} now' for name in other)}; "
            "give another --run folder"
        )
