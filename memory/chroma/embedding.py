"""Embed stored values and search queries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from langchain_core.embeddings import Embeddings
from langgraph.store.base import (
    IndexConfig,
    PutOp,
    SearchOp,
    ensure_embeddings,
    get_text_at_path,
    tokenize_path,
)

from ...contract import SetupError, StoreError
from ...contract.sync_async import maybe_await

Vector: TypeAlias = Sequence[float]

PLACEHOLDER_LENGTH = 1e-6
"""Length of the placeholder vector of a row without a vector; shorter than any that an embedding makes."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors that one batch needs."""

    texts: dict[str, Vector] = field(default_factory=dict)
    """Vectors of the texts to be stored, by text."""
    queries: dict[str, Vector] = field(default_factory=dict)
    """Vectors of the search queries, by query; empty without an index."""


@dataclass(frozen=True, slots=True)
class Index:
    """The embedding, and the fields that it is applied to."""

    dims: int
    """Length of a vector."""
    embeddings: Embeddings
    """Model that turns text into vectors."""
    fields: tuple[str, ...]
    """JSON paths that are embedded unless a put names others."""

    @classmethod
    def from_config(cls, config: IndexConfig | None) -> Index | None:
        """Return the index that a configuration describes, None without one.

        Raises:
            SetupError: If `dims` or `embed` is missing or wrong.
        """
        if config is None:
            return None
        dims, embed = config.get("dims"), config.get("embed")
        if not isinstance(dims, int) or isinstance(dims, bool) or dims < 1 or embed is None:
            raise SetupError(
                f"The index was given dims={dims!r} and embed={embed!r}; it needs both: dims, the length of a "
                "vector, and embed, the function or LangChain Embeddings that makes it."
            )
        fields = config.get("fields") or ["$"]
        return cls(dims, ensure_embeddings(embed), (fields,) if isinstance(fields, str) else tuple(fields))

    def texts(self, put: PutOp) -> list[str]:
        """Return the texts of a put that are embedded, one per vector, each once."""
        if put.value is None or put.index is False:
            return []
        paths = self.fields if put.index is None else put.index
        texts = (text for path in paths for text in get_text_at_path(put.value, _tokens(path)))
        return list(dict.fromkeys(texts))

    async def embed(self, puts: Iterable[PutOp], searches: Iterable[SearchOp], blocking: bool) -> Vectors:
        """Embed all that a batch stores and searches for.

        Args:
            puts: Writes of the batch.
            searches: Searches of the batch.
            blocking: Use the embedding's synchronous methods, so that nothing is left to await.

        Raises:
            StoreError: If the embedding returns another number of vectors, or vectors of another length.
        """
        texts = list(dict.fromkeys(text for put in puts for text in self.texts(put)))
        queries = list(dict.fromkeys(search.query for search in searches if search.query))
        embed_query = self.embeddings.embed_query if blocking else self.embeddings.aembed_query
        text_vectors = await self.embed_texts(texts, blocking)
        query_vectors: list[list[float]] = [await maybe_await(embed_query(query)) for query in queries]
        self._check(query_vectors, queries)
        return Vectors(text_vectors, dict(zip(queries, query_vectors, strict=True)))

    async def embed_texts(self, texts: Sequence[str], blocking: bool) -> dict[str, Vector]:
        """Return the vectors of texts as they are stored; arguments and errors as in `embed`."""
        embed = self.embeddings.embed_documents if blocking else self.embeddings.aembed_documents
        vectors: list[list[float]] = await maybe_await(embed(list(texts))) if texts else []
        self._check(vectors, texts)
        return dict(zip(texts, vectors, strict=True))

    def _check(self, vectors: Sequence[Vector], texts: Sequence[str]) -> None:
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or lengths - {self.dims}:
            raise StoreError(
                f"The embedding returned {len(vectors)} vectors of {sorted(lengths)} numbers for {len(texts)} "
                f"texts; the index says dims={self.dims}. Give the dims of that embedding, one vector per text."
            )


def _tokens(path: str) -> str | list[str]:
    return path if path == "$" else tokenize_path(path)


def placeholder_vector(row: str, dims: int) -> Vector:
    """Return the vector of a row that has none of its own: next to zero, in a direction that depends on the row id."""
    import numpy as np

    seed = int.from_bytes(hashlib.sha256(row.encode()).digest())
    direction = np.random.default_rng(seed).normal(size=dims)
    vector: list[float] = (direction * (PLACEHOLDER_LENGTH / np.linalg.norm(direction))).tolist()
    return vector
