"""Damage to a memory folder that Chroma would not report: it would start anew in silence, or end the process."""

from __future__ import annotations

import struct
from pathlib import Path

from ....contract import StoreError
from .sqlite_release import DATABASE

_HEADER = struct.Struct("<iQQQQ")
"""Of a graph: version, first offset, room, elements, bytes an element (hnswlib's `persistHeader`, as Chroma has it)."""


def check_files(path: Path) -> None:
    """Raise a `StoreError` when the database is gone beside a graph of vectors, or a graph is cut short.

    Only sizes are compared: what is damaged inside is said by SQLite or Chroma, where they notice it.
    """
    graphs = [header.parent for header in path.glob("*/header.bin")]
    database = path / DATABASE
    if graphs and (not database.exists() or not database.stat().st_size):
        raise _damaged(path, f"{DATABASE} is missing or empty, but vectors lie in {graphs[0].name}")
    for graph in graphs:
        header = (graph / "header.bin").read_bytes()
        data = graph / "data_level0.bin"
        if len(header) < _HEADER.size or not data.exists():
            raise _damaged(path, f"the graph {graph.name} is incomplete")
        _, _, _, elements, size = _HEADER.unpack_from(header)
        if data.stat().st_size < elements * size:
            raise _damaged(path, f"{data.relative_to(path)} is cut short")


def _damaged(path: Path, how: str) -> StoreError:
    return StoreError(f"The memory in {path} is damaged: {how}. Restore a copy of the whole folder, or give another.")
