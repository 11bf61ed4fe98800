"""`ChromaStore`, a LangGraph store on Chroma that anyone can use without HEF."""

from __future__ import annotations

from .store import ChromaStore

__all__ = ["ChromaStore"]
