"""The rows of an open collection: read by id, read by condition, ranked by similarity, written, deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..contract import StoreError
from .filters import Clause
from .index import Vector, blank
from .place import Opened, Place
from .rows import Metadata, Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

_T = TypeVar("_T")
_PAGE = 5000
_NOT_BARE: Clause = {"bare": {"$ne": True}}


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be written."""

    id: str
    """Its id."""
    document: str
    """Its document, empty for a further vector of an item."""
    metadata: Metadata
    """Its metadata; None deletes a key that an earlier version had."""
    vector: Vector | None
    """Its vector, None for a row that no query may find."""


class Table:
    """An open collection, with Chroma's failures as `StoreError`."""

    def __init__(self, place: Place, opened: Opened) -> None:
        self._place = place
        self._opened = opened
        # Chroma's annotations refuse plain lists of floats.
        self._rows: Any = opened.collection

    def get(self, ids: Sequence[str]) -> dict[str, tuple[str, Metadata]]:
        """Return document and metadata of the rows that exist, by id."""
        found: dict[str, tuple[str, Metadata]] = {}
        for some in self._batches(list(dict.fromkeys(ids))):
            rows = self._read(ids=some, include=["documents", "metadatas"])
            held = zip(rows["documents"], rows["metadatas"], strict=True)
            found.update(zip(rows["ids"], ((text, dict(metadata or {})) for text, metadata in held), strict=True))
        return found

    def records(self, ids: Sequence[str]) -> dict[str, Record]:
        """Return the items that exist, by the id of their first row."""
        found: dict[str, Record] = {}
        for some in self._batches(list(dict.fromkeys(ids))):
            rows = self._read(ids=some, include=["documents"])
            found.update(zip(rows["ids"], map(Record.parse, rows["documents"]), strict=True))
        return found

    def ids(self, where: Clause | None, limit: int | None = None) -> list[str]:
        """Return the ids of the rows that meet a condition, oldest first."""
        return list(self._read(where=where, include=[], limit=limit)["ids"])

    def documents(self, where: Clause) -> list[str]:
        """Return the documents of the rows that meet a condition."""
        return list(self._read(where=where, include=["documents"])["documents"])

    def vectors(self, where: Clause | None, limit: int) -> tuple[list[str], NDArray[Any]]:
        """Return ids and vectors of the first rows that meet a condition."""
        rows = self._read(where=where, include=["embeddings"], limit=limit)
        return list(rows["ids"]), rows["embeddings"]

    def all_vectors(self, where: Clause | None) -> Iterator[tuple[list[str], NDArray[Any]]]:
        """Yield ids and vectors of all rows that meet a condition, some thousands at a time."""
        for offset in range(0, self.count(), _PAGE):
            rows = self._read(where=where, include=["embeddings"], limit=_PAGE, offset=offset)
            if not rows["ids"]:
                return
            yield list(rows["ids"]), rows["embeddings"]

    def nearest(self, where: Clause | None, vector: Vector, count: int) -> list[tuple[str, float]]:
        """Return about the `count` most similar rows and their cosine similarity, by Chroma's graph.

        The graph is approximate: among many equal vectors it may return fewer rows than there are.
        """
        sieve = _NOT_BARE if where is None else {"$and": [where, _NOT_BARE]}
        with self._doing("read"):
            found = self._rows.query(
                query_embeddings=[list(vector)], n_results=count, where=sieve, include=["distances"]
            )
        return [
            (row, min(1.0, 1 - distance)) for row, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def count(self) -> int:
        """Return how many rows there are."""
        with self._doing("read"):
            return int(self._rows.count())

    def write(self, rows: Sequence[Row]) -> None:
        """Insert or replace rows, in as few commits as Chroma allows."""
        dims = self._opened.dims
        with self._doing("written"):
            for some in self._batches(rows):
                self._rows.upsert(
                    ids=[row.id for row in some],
                    embeddings=[list(blank(row.id, dims) if row.vector is None else row.vector) for row in some],
                    metadatas=[row.metadata for row in some],
                    documents=[row.document for row in some],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; those that do not exist are passed over."""
        with self._doing("written"):
            for some in self._batches(list(ids)):
                self._rows.delete(ids=some)

    def _read(self, **wanted: Any) -> Any:
        with self._doing("read"):
            return self._rows.get(**wanted)

    def _batches(self, of: Sequence[_T]) -> Iterator[Sequence[_T]]:
        return (of[start : start + self._opened.batch] for start in range(0, len(of), self._opened.batch))

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        if os.getpid() != self._opened.process:
            raise StoreError(
                f"The memory in {self._place} was opened before this process was forked, where Chroma would hang. "
                "Make the ChromaStore after the fork, or start the process with `spawn`."
            )
        with self._place.faults(what):
            yield
