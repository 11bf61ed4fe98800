"""The rows of an open collection: read by id, read by condition, ranked by similarity, written, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ....contract.sync_async import maybe_await
from ..embedding import Vector, blank
from ..expiry import is_expired, now
from ..filters import Clause
from ..rows import EXPIRES, Metadata, Namespace, Record
from .location import StoreLocation
from .open_collection import OpenCollection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_T = TypeVar("_T")

RowData: TypeAlias = dict[str, tuple[Metadata, str | None]]
"""Metadata and document of rows, by id."""

_PAGE = 5000
_REMEMBERED = 10_000
_NOT_BARE: Clause = {"bare": {"$ne": True}}


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be written."""

    id: str
    """Its id."""
    document: str | None
    """Its document; None leaves that of an earlier version."""
    metadata: Metadata
    """Its metadata; None deletes a key that an earlier version had."""
    vector: Vector | None
    """Its vector, None for a row that no query may find."""


class Table:
    """An open collection, with Chroma's failures as `StoreError`; waits or is awaited as its client is."""

    def __init__(self, place: StoreLocation, opened: OpenCollection) -> None:
        self._place = place
        self._opened = opened

    async def get(self, ids: Sequence[str]) -> RowData:
        """Return metadata and document of the rows that exist, by id."""
        found: RowData = {}
        for some in self._batches(list(dict.fromkeys(ids))):
            found |= _held(await self._read(ids=some, include=["metadatas", "documents"]))
        return found

    async def records(self, ids: Sequence[str]) -> dict[str, Record]:
        """Return the items that exist and have not expired, by the id of their first row."""
        return alive(await self.get(ids))

    async def expired(self) -> list[str]:
        """Return the ids of the first rows of the items that have expired and still lie there."""
        return await self.ids({EXPIRES: {"$lte": now()}})

    async def ids(self, where: Clause | None, limit: int | None = None) -> list[str]:
        """Return the ids of the rows that meet a condition, oldest first."""
        return list((await self._read(where=where, include=[], limit=limit))["ids"])

    async def documents(self, where: Clause | None) -> list[str]:
        """Return the documents of the rows that meet a condition."""
        return list((await self._read(where=where, include=["documents"]))["documents"])

    async def vectors(self, where: Clause | None, limit: int) -> tuple[list[str], NDArray[Any]]:
        """Return ids and vectors of the first rows that meet a condition."""
        rows = await self._read(where=where, include=["embeddings"], limit=limit)
        return list(rows["ids"]), rows["embeddings"]

    async def rows_with_vectors(self, where: Clause | None, limit: int) -> tuple[NDArray[Any], RowData]:
        """Return vectors of the first rows that meet a condition, and in the same order what else they hold."""
        rows = await self._read(where=where, include=["embeddings", "metadatas", "documents"], limit=limit)
        return rows["embeddings"], _held(rows)

    async def all_vectors(self, where: Clause | None) -> AsyncIterator[tuple[list[str], NDArray[Any]]]:
        """Yield ids and vectors of all rows that meet a condition, some thousands at a time."""
        for offset in range(0, await self._count(), _PAGE):
            rows = await self._read(where=where, include=["embeddings"], limit=_PAGE, offset=offset)
            if not rows["ids"]:
                return
            yield list(rows["ids"]), rows["embeddings"]

    def is_crowded(self, prefix: Namespace) -> bool:
        """Tell whether many rows lay under a prefix before; they may be gone since."""
        return prefix in self._opened.crowded

    def crowd(self, prefix: Namespace) -> None:
        """Remember that many rows lie under a prefix."""
        if len(self._opened.crowded) >= _REMEMBERED:
            self._opened.crowded.clear()
        self._opened.crowded.add(prefix)

    async def nearest(self, where: Clause | None, vector: Vector, count: int) -> list[tuple[str, float]]:
        """Return about the `count` most similar rows and their cosine similarity, by Chroma's graph.

        The graph is approximate: among many equal vectors it may return fewer rows than there are.
        """
        sieve = _NOT_BARE if where is None else {"$and": [where, _NOT_BARE]}
        with self._place.translate_errors("read"):
            call = self._opened.rows.query(
                query_embeddings=[list(vector)], n_results=count, where=sieve, include=["distances"]
            )
            found = await self._answer(call)
        return [
            (row, min(1.0, 1 - distance)) for row, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    async def write(self, rows: Sequence[Row]) -> None:
        """Insert or replace rows, in as few commits as Chroma allows."""
        dims = self._opened.dims
        with self._place.translate_errors("written"):
            for some in self._batches(rows):
                with self._opened.writing(len(some)):
                    call = self._opened.rows.upsert(
                        ids=[row.id for row in some],
                        embeddings=[list(blank(row.id, dims) if row.vector is None else row.vector) for row in some],
                        metadatas=[row.metadata for row in some],
                        documents=[row.document for row in some],
                    )
                    await self._answer(call)

    async def update_metadata(self, metadata: Mapping[str, Metadata]) -> None:
        """Set single metadata of rows, by id; rows that do not exist are passed over."""
        with self._place.translate_errors("written"):
            for some in self._batches(list(metadata)):
                with self._opened.writing(len(some)):
                    await self._answer(self._opened.rows.update(ids=some, metadatas=[metadata[row] for row in some]))

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; those that do not exist are passed over."""
        with self._place.translate_errors("written"):
            for some in self._batches(list(ids)):
                with self._opened.writing(len(some)):
                    await self._answer(self._opened.rows.delete(ids=some))

    async def _count(self) -> int:
        with self._place.translate_errors("read"):
            return int(await self._answer(self._opened.rows.count()))

    async def _read(self, **wanted: Any) -> Any:
        with self._place.translate_errors("read"):
            return await self._answer(self._opened.rows.get(**wanted))

    async def _answer(self, call: Any) -> Any:
        if self._opened.gate is None:
            return await maybe_await(call)
        async with self._opened.gate:
            return await maybe_await(call)

    def _batches(self, of: Sequence[_T]) -> Iterator[Sequence[_T]]:
        return (of[start : start + self._opened.batch] for start in range(0, len(of), self._opened.batch))


def alive(held: RowData) -> dict[str, Record]:
    """Return the items that first rows hold and that have not expired, by the id of the row."""
    return {row: Record.of(*one) for row, one in held.items() if not is_expired(one[0])}


def _held(rows: Any) -> RowData:
    held = zip(rows["metadatas"], rows["documents"], strict=True)
    return dict(zip(rows["ids"], ((dict(metadata or {}), text) for metadata, text in held), strict=True))
