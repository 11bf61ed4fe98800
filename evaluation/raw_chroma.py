"""Chroma as a program would use it without HEF: a row a turn, filtered by the user."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langchain_core.embeddings import Embeddings

_FIELDS = ("thread", "time", "turn", "emotion", "probability")


class RawChroma:
    """A collection of turns in a folder, with the settings that Chroma gives it.

    A row holds the vector of the turn's whole text, the stored turn as document, and as metadata the user, thread,
    time, turn, emotion and probability.
    """

    def __init__(self, folder: Path, embeddings: Embeddings) -> None:
        import chromadb
        from chromadb.config import Settings

        # Chroma annotates an interface that lacks `close`, and refuses plain lists of floats.
        self._client: Any = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
        self._rows: Any = self._client.create_collection(
            "raw", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        self._embeddings = embeddings

    def upsert(self, turns: Sequence[dict[str, Any]]) -> None:
        """Write turns, as they are stored, in one call."""
        self._rows.upsert(
            ids=[turn["id"] for turn in turns],
            embeddings=self._embeddings.embed_documents([turn["text"] for turn in turns]),
            metadatas=[{"user": turn["user_id"], **{name: turn[name] for name in _FIELDS}} for turn in turns],
            documents=[json.dumps(turn) for turn in turns],
        )

    def query(self, user: str, text: str, count: int) -> list[str]:
        """Return the documents of a user's rows that are next to a text."""
        found = self._rows.query(
            query_embeddings=[self._embeddings.embed_query(text)],
            n_results=count,
            where={"user": user},
            include=["documents", "metadatas", "distances"],
        )
        documents: list[str] = found["documents"][0]
        return documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
