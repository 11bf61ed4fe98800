"""Chroma as a program would use it without HEF: one row per turn, filtered by the user."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langchain_core.embeddings import Embeddings

_FIELDS = ("thread", "time", "turn", "emotion", "probability")


class RawChroma:
    """A collection of turns in a folder, with Chroma's default settings.

    A row has the vector of the turn's text, the stored turn as document, and as metadata the user, thread,
    time, turn, emotion and probability.
    """

    def __init__(self, folder: Path, embeddings: Embeddings, *, by_clause: bool = False) -> None:
        """Open a collection.

        Args:
            folder: Where it is created.
            embeddings: Embeds the texts.
            by_clause: Write the rows that HEF writes: also one per clause, without a document.
        """
        import chromadb
        from chromadb.config import Settings

        self._by_clause = by_clause
        # Chroma annotates an interface that lacks `close`, and refuses plain lists of floats.
        self._client: Any = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
        self._rows: Any = self._client.create_collection(
            "raw", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        self._embeddings = embeddings

    def upsert(self, turns: Sequence[dict[str, Any]]) -> None:
        """Write turns, as they are stored, in one call."""
        rows = [(turn, n, text) for turn in turns for n, text in enumerate(self._texts(turn))]
        self._rows.upsert(
            ids=[f"{turn['id']}#{n}" if n else turn["id"] for turn, n, _ in rows],
            embeddings=self._embeddings.embed_documents([text for _, _, text in rows]),
            metadatas=[{"user": turn["user_id"], **{name: turn[name] for name in _FIELDS}} for turn, _, _ in rows],
            documents=[None if n else json.dumps(turn) for turn, n, _ in rows],
        )

    def _texts(self, turn: dict[str, Any]) -> list[str]:
        return [turn["text"], *(turn["clauses"] if self._by_clause else ())]

    def query(self, user: str, text: str, count: int) -> list[str]:
        """Return the documents of a user's rows that are nearest to a text."""
        result = self._rows.query(
            query_embeddings=[self._embeddings.embed_query(text)],
            n_results=count,
            where={"user": user},
            include=["documents", "metadatas", "distances"],
        )
        documents: list[str] = result["documents"][0]
        return documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
