"""The files of Chroma's graph index: overwrite what in them belongs to no row.

Chroma (hnswlib) writes a new graph's file at the size of its first hundred rows, filled with whatever the
process had in that memory before, other people's words among it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from ....contract import StoreError

_HEADER = struct.Struct("<i6Q")
"""Version, offset of the links, capacity, rows, bytes a row, offset of the labels, offset of the vectors."""
_VERSION = 1
_LENGTH_BYTES = 4


def blank_unused(folder: Path) -> None:
    """Write zeros over the places of a graph's files that hold no row; Chroma never reads them.

    Args:
        folder: Of one graph, which nobody has open. One that was never written is left alone.

    Raises:
        StoreError: If the files are not of the form that is known.
    """
    header = folder / "header.bin"
    if not header.exists():
        return
    rows, size = _rows(header)
    for name, each in (("data_level0.bin", size), ("length.bin", _LENGTH_BYTES)):
        with (folder / name).open("r+b") as file:
            unused = file.seek(0, os.SEEK_END) - rows * each
            if unused < 0:
                raise _unknown(folder)
            file.seek(rows * each)
            file.write(bytes(unused))
            os.fsync(file.fileno())


def _rows(header: Path) -> tuple[int, int]:
    """Return how many rows a graph holds and the bytes of each."""
    held = header.read_bytes()
    if len(held) < _HEADER.size:
        raise _unknown(header.parent)
    version, _, capacity, rows, size, labels, vectors = _HEADER.unpack_from(held)
    if version != _VERSION or rows > capacity or not vectors < labels < size:
        raise _unknown(header.parent)
    return rows, size


def _unknown(folder: Path) -> StoreError:
    return StoreError(
        f"The graph in {folder} is of a form that this version does not know, so deleted vectors may be left in it. "
        "Use the chromadb version that `constraints.txt` of HEF names, or delete the folder of the memory."
    )
