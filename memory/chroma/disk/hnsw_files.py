"""The files of a folder's HNSW indexes: check them before Chroma opens them, and overwrite what belongs to no row."""

from __future__ import annotations

import os
from pathlib import Path

from ....contract import StoreError
from ..chroma_internals import (
    DATABASE,
    HEADER_FILE,
    LENGTH_BYTES,
    LENGTHS_FILE,
    LEVEL_0_FILE,
    hnsw_folders,
    read_hnsw_header,
)


def check_files(path: Path) -> None:
    """Raise a `StoreError` when the database is missing beside an index of vectors, or an index is truncated.

    Chroma would begin anew without a word, or end the process. Only sizes are compared: damage within a file is
    reported by SQLite or Chroma, where they notice it.
    """
    indexes = hnsw_folders(path)
    database = path / DATABASE
    if indexes and (not database.exists() or not database.stat().st_size):
        raise _damaged(path, f"{DATABASE} is missing or empty, but there are vectors in {indexes[0].name}")
    for index in indexes:
        header, data = read_hnsw_header(index), index / LEVEL_0_FILE
        if header is None or not data.exists():
            raise _damaged(path, f"the vector index {index.name} is incomplete")
        if data.stat().st_size < header.rows * header.row_bytes:
            raise _damaged(path, f"{data.relative_to(path)} is cut short")


def blank_unused(index: Path) -> None:
    """Write zeros over the parts of an index's files that hold no row; Chroma never reads them.

    Chroma (hnswlib) writes the file of a new index at the size of its first hundred rows, filled with whatever the
    process had in that memory before, other people's words among it.

    Args:
        index: Folder of one index, which nobody has open. One that was never written is left alone.

    Raises:
        StoreError: If the files are of an unknown form.
    """
    if not (index / HEADER_FILE).exists():
        return
    header = read_hnsw_header(index)
    if header is None or not header.is_known:
        raise _unknown_form(index)
    for name, row_bytes in ((LEVEL_0_FILE, header.row_bytes), (LENGTHS_FILE, LENGTH_BYTES)):
        with (index / name).open("r+b") as file:
            used = header.rows * row_bytes
            unused = file.seek(0, os.SEEK_END) - used
            if unused < 0:
                raise _unknown_form(index)
            file.seek(used)
            file.write(bytes(unused))
            os.fsync(file.fileno())


def _damaged(path: Path, damage: str) -> StoreError:
    return StoreError(
        f"The memory in {path} is damaged: {damage}. Restore a copy of the entire folder, or give another."
    )


def _unknown_form(index: Path) -> StoreError:
    return StoreError(
        f"The vector index in {index} is of a form that this version does not know, so deleted vectors may be left in "
        "it. Use the chromadb version that `constraints.txt` of HEF names, or delete the folder of the memory."
    )
