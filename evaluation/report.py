"""Output of an evaluation: a JSON document with what was measured, on what and when; Markdown tables; plots."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..contract.errors import needs_extra

INK, ACCENT = "#222222", "#8e44ad"
"""Colours of plots: lines and text, and the data of HEF."""


def to_document(
    task: str, data: Path | None, results: Sequence[BaseModel], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return results with what is needed to reproduce them.

    Args:
        task: `emotion`, `causes` and the like.
        data: The file they were measured on, where there is one.
        results: One report per strategy or SEM.
        settings: Limit, seed and the like; further results among them.
    """
    return {
        "task": task,
        "data": data.name if data else None,
        "date": datetime.now(UTC).date().isoformat(),
        "hef": version("hef"),
        **_rounded(dict(settings)),
        "results": _rounded(list(results)),
    }


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(document) + "\n", encoding="utf-8")


def to_json(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text; a row of numbers takes one line."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda row: "[" + " ".join(row[0][1:-1].split()) + "]", text)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, of which the first is the heading, as a Markdown table with numbers aligned to the right."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---", *["---:"] * (len(head) - 1)], *body))


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib figure that is drawn without a screen; sizes are in inches.

    Raises:
        SetupError: matplotlib is not installed.
    """
    with needs_extra("train", "plots need matplotlib"):
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, creating its folder, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def _rounded(value: Any) -> Any:
    """Return JSON values, with floats rounded to the precision that the sample sizes support."""
    if isinstance(value, BaseModel):
        return _rounded(value.model_dump(mode="json"))
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
