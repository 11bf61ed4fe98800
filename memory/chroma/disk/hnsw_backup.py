"""Copies of Chroma's graphs from before they are written, so that a killed process leaves no torn one.

Chroma writes a graph in place, every `sync_threshold` rows, and then its list of ids; what was killed in between does
not open again. Its database says how many rows the graph on the disk lacks, and still holds them: with the graph as
it was before, nothing is lost. So a graph is copied before the write that makes up the number, and the copy is
dropped when it was written.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .sqlite_release import DATABASE

_IDS = "index_metadata.pickle"
_COPY, _WASTE = ".before", ".waste"
_OFTEN = "sync_threshold"
"""Name of the file in a copy that says how many rows make Chroma write the graph."""
_LACKING = """
    SELECT segments.id, max_seq_id.seq_id IS NOT NULL, count(embeddings_queue.seq_id) FROM segments
    LEFT JOIN max_seq_id ON max_seq_id.segment_id = segments.id
    LEFT JOIN embeddings_queue ON embeddings_queue.topic LIKE '%/' || segments.collection
        AND embeddings_queue.seq_id > coalesce(max_seq_id.seq_id, 0)
    WHERE segments.scope = 'VECTOR' GROUP BY segments.id
"""


class HnswBackup:
    """The copies of one folder, for all stores of this process that have it open."""

    def __init__(self, path: Path, lacking: int) -> None:
        """Describe the copies.

        Args:
            path: The folder.
            lacking: Rows that its graphs on the disk lack, or more.
        """
        self._path = path
        self._unknown = lacking
        self._lacking: dict[str, int] = {}
        self._writing = threading.RLock()
        self._seen: dict[Path, int] = {}

    @contextmanager
    def guarded(self, collection: str, often: int, rows: int = 0) -> Iterator[None]:
        """Keep a copy of what Chroma may write meanwhile.

        Args:
            collection: Which collection is written.
            often: After how many rows Chroma writes its graph.
            rows: How many rows are written.
        """
        with self._writing:
            lacking = self._lacking.get(collection, self._unknown) + rows
            self._lacking[collection] = lacking
            if lacking >= often:
                self._copy(often)
            yield
            if self._drop_written():
                self._lacking[collection] = 0

    def is_due(self, collection: str, often: int) -> bool:
        """Tell whether Chroma may write a graph while it opens it, since a killed process left that to be done."""
        return self._lacking.get(collection, self._unknown) >= often

    def _copy(self, often: int) -> None:
        for graph in _graphs(self._path):
            if graph not in self._seen:
                copy = _copy_of(graph)
                if not copy.exists():
                    half = graph.with_suffix(_WASTE)
                    shutil.rmtree(half, ignore_errors=True)
                    _copy_graph(graph, half)
                    (half / _OFTEN).write_text(str(often))
                    half.rename(copy)
                self._seen[graph] = _written(graph)

    def _drop_written(self) -> bool:
        done = [graph for graph, before in self._seen.items() if _written(graph) != before]
        for graph in done:
            del self._seen[graph]
            _drop(_copy_of(graph))
        return bool(done)


_known: dict[Path, HnswBackup] = {}
"""Folders that this process has opened, and not closed with success since."""


def is_tracked(path: Path) -> bool:
    """Tell whether this process has opened a folder, and Chroma may have it open still."""
    return path in _known


def hnsw_backup(path: Path) -> HnswBackup:
    """Return the copies of a folder; of one that somebody else has opened in this process nothing is known."""
    return _known.setdefault(path, HnswBackup(path, sys.maxsize))


def restore_torn(path: Path) -> None:
    """Put back the graphs that a killed process may have left torn; done once, before Chroma opens the folder."""
    for waste in path.glob(f"*{_WASTE}"):
        shutil.rmtree(waste)
    lacking = 0
    for name, whole, rows in _hnsw_state(path):
        lacking += rows
        graph = path / name
        copy = _copy_of(graph)
        if not whole:
            # It was never written to its end, so that all its rows are still in the database.
            shutil.rmtree(graph, ignore_errors=True)
        elif copy.exists() and rows >= int((copy / _OFTEN).read_text()):
            shutil.rmtree(graph, ignore_errors=True)
            _copy_graph(copy, graph)
        elif copy.exists():
            _drop(copy)
    _known[path] = HnswBackup(path, lacking)


def forget(path: Path) -> None:
    """Forget a folder that Chroma has closed."""
    _known.pop(path, None)


def drop_copies(path: Path) -> None:
    """Drop all copies in a folder that nobody has open and that is whole."""
    for copy in path.glob(f"*{_COPY}"):
        _drop(copy)


def _hnsw_state(path: Path) -> list[tuple[str, bool, int]]:
    """Return the graphs of a folder, whether they were ever written whole, and how many rows they lack."""
    if not (path / DATABASE).exists():
        return []
    try:
        with closing(sqlite3.connect(path / DATABASE)) as database:
            return database.execute(_LACKING).fetchall()
    except sqlite3.Error:
        # A new database has no tables yet, and what is wrong with an old one is for Chroma to say.
        return []


def _graphs(path: Path) -> list[Path]:
    return [header.parent for header in path.glob("*/header.bin") if not header.parent.suffix]


def _copy_of(graph: Path) -> Path:
    return graph.with_suffix(_COPY)


def _copy_graph(graph: Path, to: Path) -> None:
    shutil.copytree(graph, to, ignore=shutil.ignore_patterns(_OFTEN))


def _written(graph: Path) -> int:
    """Return when a graph's ids, which are written last, were written; 0 for never."""
    try:
        return (graph / _IDS).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _drop(copy: Path) -> None:
    """Drop a copy; half of one must never be taken for a whole."""
    waste = copy.with_suffix(_WASTE)
    shutil.rmtree(waste, ignore_errors=True)
    copy.rename(waste)
    shutil.rmtree(waste)
