"""The rows of an open collection: read by id, read by condition, ranked by similarity, written, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ....contract.sync_async import maybe_await
from ..embedding import Vector, placeholder_vector
from ..filters import Clause
from ..rows import EXPIRES, Metadata, Namespace, Record
from ..ttl import is_expired, now
from .location import SERVER_SECONDS, StoreLocation
from .open_collection import OpenCollection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_T = TypeVar("_T")

RowData: TypeAlias = dict[str, tuple[Metadata, str | None]]
"""Metadata and document of rows, by id."""

_PAGE = 5000
"""Rows whose vectors are read at once."""
_MAX_LARGE_PREFIXES = 10_000
"""Namespace prefixes that are remembered as large; beyond, all are forgotten."""
HAS_VECTOR: Clause = {"bare": {"$ne": True}}
"""Condition on rows with a vector of their own."""


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
    """An open collection with Chroma's errors as `StoreError`; with a synchronous client nothing is left to await."""

    def __init__(self, location: StoreLocation, opened: OpenCollection) -> None:
        self._location = location
        self._opened = opened
        self._awaited: dict[str, Namespace] = {}
        self._read_beside: dict[str, tuple[Metadata, str | None] | None] = {}

    def await_items(self, rows: Mapping[str, Namespace]) -> None:
        """Let the next reading of rows, or of all that is under a prefix, also read these first rows of items.

        Args:
            rows: The namespace of each item, by the id of its first row. `records` returns them.
        """
        self._awaited.update(rows)

    async def get(self, ids: Sequence[str]) -> RowData:
        """Return metadata and document of the rows that exist, by id."""
        if not self._awaited:
            return await self._get(ids)
        rows = await self._get([*ids, *self._awaited])
        self._read_beside |= {row: rows.get(row) for row in self._awaited}
        self._awaited.clear()
        asked = set(ids)
        return {row: data for row, data in rows.items() if row in asked}

    async def _get(self, ids: Sequence[str]) -> RowData:
        rows: RowData = {}
        for batch in self._batches(list(dict.fromkeys(ids))):
            rows |= _row_data(await self._read(ids=batch, include=["metadatas", "documents"]))
        return rows

    async def records(self, ids: Sequence[str]) -> dict[str, Record]:
        """Return the items that exist and have not expired, by the id of their first row."""
        beside = {row: data for row in ids if (data := self._read_beside.get(row)) is not None}
        missing = [row for row in ids if row not in self._read_beside]
        return unexpired({**beside, **(await self.get(missing) if missing else {})})

    def take_all(self, prefix: Namespace, rows: RowData) -> None:
        """Take what is awaited out of rows that are all those under a prefix."""
        under = [row for row, namespace in self._awaited.items() if namespace[: len(prefix)] == prefix]
        self._read_beside |= {row: rows.get(row) for row in under}
        for row in under:
            del self._awaited[row]

    async def expired(self) -> list[str]:
        """Return the ids of the first rows of the items that have expired and are not yet deleted."""
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
        """Return vectors of the first rows that meet a condition, and in the same order their other data."""
        rows = await self._read(where=where, include=["embeddings", "metadatas", "documents"], limit=limit)
        return rows["embeddings"], _row_data(rows)

    async def all_vectors(self, where: Clause | None) -> AsyncIterator[tuple[list[str], NDArray[Any]]]:
        """Yield ids and vectors of all rows that meet a condition, some thousands at a time."""
        for offset in range(0, await self._count(), _PAGE):
            rows = await self._read(where=where, include=["embeddings"], limit=_PAGE, offset=offset)
            if not rows["ids"]:
                return
            yield list(rows["ids"]), rows["embeddings"]

    def is_large(self, prefix: Namespace) -> bool:
        """Return whether many rows were under a prefix before; they may be gone since."""
        return prefix in self._opened.large_prefixes

    def mark_large(self, prefix: Namespace) -> None:
        """Remember that many rows are under a prefix."""
        if len(self._opened.large_prefixes) >= _MAX_LARGE_PREFIXES:
            self._opened.large_prefixes.clear()
        self._opened.large_prefixes.add(prefix)

    async def nearest(self, where: Clause | None, vector: Vector, count: int) -> list[tuple[str, float]]:
        """Return about the `count` most similar rows and their cosine similarity, by Chroma's HNSW index.

        The index is approximate: among many equal vectors it may return fewer rows than there are.
        """
        condition = HAS_VECTOR if where is None else {"$and": [where, HAS_VECTOR]}
        with self._location.translate_errors("read"):
            result = await self._limited(
                self._opened.collection.query(
                    query_embeddings=[list(vector)], n_results=count, where=condition, include=["distances"]
                )
            )
        ids, distances = result["ids"][0], result["distances"][0]
        return [(row, min(1.0, 1 - distance)) for row, distance in zip(ids, distances, strict=True)]

    async def write(self, rows: Sequence[Row]) -> None:
        """Insert or replace rows, in as few commits as Chroma allows."""
        dims = self._opened.dims
        for batch in self._batches(rows):
            vectors = [placeholder_vector(row.id, dims) if row.vector is None else row.vector for row in batch]
            await self._write(
                "upsert",
                ids=[row.id for row in batch],
                embeddings=[list(vector) for vector in vectors],
                metadatas=[row.metadata for row in batch],
                documents=[row.document for row in batch],
            )

    async def update_metadata(self, metadata: Mapping[str, Metadata]) -> None:
        """Set single metadata of rows, by id; rows that do not exist are passed over."""
        for batch in self._batches(list(metadata)):
            await self._write("update", ids=batch, metadatas=[metadata[row] for row in batch])

    async def update_vectors(self, vectors: Mapping[str, Vector]) -> None:
        """Replace the vectors of rows, by id; rows that do not exist are passed over."""
        for batch in self._batches(list(vectors)):
            await self._write("update", ids=batch, embeddings=[list(vectors[row]) for row in batch])

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; those that do not exist are passed over."""
        for batch in self._batches(list(ids)):
            await self._write("delete", ids=batch)

    async def _write(self, method: str, ids: Sequence[str], **columns: Any) -> None:
        with self._location.translate_errors("written"), self._opened.guard_write(len(ids)):
            await self._limited(getattr(self._opened.collection, method)(ids=ids, **columns))

    async def _count(self) -> int:
        with self._location.translate_errors("read"):
            return int(await self._limited(self._opened.collection.count()))

    async def _read(self, **arguments: Any) -> Any:
        with self._location.translate_errors("read"):
            return await self._limited(self._opened.collection.get(**arguments))

    async def _limited(self, call: Any) -> Any:
        """Return what a call of Chroma's collection gives, an asynchronous one within the limit of requests."""
        if self._opened.requests is None:
            return await maybe_await(call)
        async with self._opened.requests, asyncio.timeout(SERVER_SECONDS):
            return await maybe_await(call)

    def _batches(self, rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
        size = self._opened.max_batch
        return (rows[start : start + size] for start in range(0, len(rows), size))


def unexpired(rows: RowData) -> dict[str, Record]:
    """Return the items of first rows that have not expired, by the id of the row."""
    return {
        row: Record.from_row(metadata, document)
        for row, (metadata, document) in rows.items()
        if not is_expired(metadata)
    }


def _row_data(result: Any) -> RowData:
    columns = zip(result["ids"], result["metadatas"], result["documents"], strict=True)
    return {row: (dict(metadata or {}), document) for row, metadata, document in columns}
