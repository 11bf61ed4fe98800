"""The memory that `hef chat` has, opened for the `hef memory` commands."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

    from ..settings import Settings


def opened(settings: Settings, *, embeds: bool = False, makes: bool = False) -> AbstractContextManager[BaseStore]:
    """Return the memory of the settings, as `hef chat` has it.

    Args:
        settings: Where it lies.
        embeds: Whether texts are searched or stored; otherwise the SEM is not loaded.
        makes: Whether a memory that does not exist yet is made; otherwise an empty one stands for it.
    """
    from ...memory import ChromaStore

    path = settings.home / "memory"
    if settings.chroma_url is None and not path.is_dir() and not makes:
        from langgraph.store.memory import InMemoryStore

        return nullcontext(InMemoryStore())
    if not embeds:
        return ChromaStore(None if settings.chroma_url else path, url=settings.chroma_url)
    from ...graph import open_store

    return closing(open_store(settings.home, settings.sem, url=settings.chroma_url))
