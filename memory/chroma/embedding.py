"""From what is stored to the vectors it is found by."""

from __future__ import annotations

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

Vector: TypeAlias = Sequence[float]

BLANK_LENGTH = 1e-6
"""Length of the vector of a row that has none of its own; shorter than any that an embedding makes."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors that one batch needs."""

    texts: dict[str, Vector] = field(default_factory=dict)
    """Of what is to be stored, by text."""
    queries: dict[str, Vector] = field(default_factory=dict)
    """Of what is searched for, by query; empty without an index."""


@dataclass(frozen=True, slots=True)
class Index:
    """The embedding, and the fields that it reads."""

    dims: int
    """Length of a vector."""
    embeddings: Embeddings
    """What turns text into vectors."""
    fields: tuple[str, ...]
    """JSON paths that are embedded unless a put names others."""

    @classmethod
    def of(cls, config: IndexConfig | None) -> Index | None:
        """Return the index that a configuration describes, None for none.

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
        """Return the texts of a put that are embedded, one a vector, each once."""
        if put.value is None or put.index is False:
            return []
        paths = self.fields if put.index is None else put.index
        found = (text for path in paths for text in get_text_at_path(put.value, _tokens(path)))
        return list(dict.fromkeys(found))

    def embed(self, puts: Iterable[PutOp], searches: Iterable[SearchOp]) -> Vectors:
        """Embed all that a batch stores and searches for."""
        texts, queries = self._wanted(puts, searches)
        stored = self.embeddings.embed_documents(texts) if texts else []
        return self._checked(texts, stored, queries, [self.embeddings.embed_query(query) for query in queries])

    async def aembed(self, puts: Iterable[PutOp], searches: Iterable[SearchOp]) -> Vectors:
        """Embed all that a batch stores and searches for, without blocking the event loop."""
        texts, queries = self._wanted(puts, searches)
        stored = await self.embeddings.aembed_documents(texts) if texts else []
        searched = [await self.embeddings.aembed_query(query) for query in queries]
        return self._checked(texts, stored, queries, searched)

    def _wanted(self, puts: Iterable[PutOp], searches: Iterable[SearchOp]) -> tuple[list[str], list[str]]:
        texts = dict.fromkeys(text for put in puts for text in self.texts(put))
        return list(texts), list(dict.fromkeys(search.query for search in searches if search.query))

    def _checked(
        self, texts: list[str], stored: Sequence[Vector], queries: list[str], searched: Sequence[Vector]
    ) -> Vectors:
        lengths = {len(vector) for vector in (*stored, *searched)}
        if len(stored) != len(texts) or lengths - {self.dims}:
            raise StoreError(
                f"The embedding returned {len(stored)} vectors of {sorted(lengths)} numbers for {len(texts)} texts; "
                f"the index says dims={self.dims}. Give the dims of that embedding, one vector a text."
            )
        return Vectors(dict(zip(texts, stored, strict=True)), dict(zip(queries, searched, strict=True)))


def _tokens(path: str) -> str | list[str]:
    return path if path == "$" else tokenize_path(path)


def blank(row: str, dims: int) -> Vector:
    """Return the vector of a row that has none of its own, always the same for a row."""
    import numpy as np

    direction = np.random.default_rng(list(row.encode())).normal(size=dims)
    blank: list[float] = (direction * (BLANK_LENGTH / np.linalg.norm(direction))).tolist()
    return blank
