"""What an evaluation leaves behind: one JSON document that says what was measured, on what, and when."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def to_document(
    task: str, data: Path | None, results: Sequence[BaseModel], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return figures with what is needed to take them again.

    Args:
        task: `emotion`, `causes` and the like.
        data: The file they were taken on, where there is one.
        results: One report a strategy or SEM.
        settings: Limit, seed and the like.
    """
    return {
        "task": task,
        "data": data.name if data else None,
        "date": datetime.now(UTC).date().isoformat(),
        "hef": version("hef"),
        **_rounded(dict(settings)),
        "results": [_rounded(result.model_dump(mode="json")) for result in results],
    }


def write(path: Path, held: Mapping[str, Any]) -> None:
    """Write a document, making its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(held) + "\n", encoding="utf-8")


def to_json(held: Mapping[str, Any]) -> str:
    """Return a document as JSON text; a row of numbers takes one line."""
    text = json.dumps(held, indent=2, ensure_ascii=False)
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda row: "[" + " ".join(row[0][1:-1].split()) + "]", text)


def _rounded(value: Any) -> Any:
    """Round to what the sample sizes can carry."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_rounded(held) for held in value]
    return value
