"""Build the compiled graph of the settings, with the LLM loaded in the background."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from .error_messages import Misuse

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    from .settings import Settings


def preload_llm(model: str | None) -> None:
    """Load the LLM's weights in the background, while the caller imports the rest.

    A model that cannot be loaded is reported later, by whoever asks for it.
    """
    Thread(target=_load, args=(model,), daemon=True, name="load-llm").start()


def _load(model: str | None) -> None:
    with _without_collection(), suppress(Exception):
        from ..llm import LocalChat, resolve_model

        resolved = resolve_model(model)
        if isinstance(resolved, LocalChat):
            resolved.get_token_ids("hello")


@contextmanager
def _without_collection() -> Iterator[None]:
    """Import without garbage collection: walking hundreds of thousands of lasting objects frees nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def build_graph(
    settings: Settings, *, memory: bool, checkpointer: BaseCheckpointSaver[Any] | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build and compile HEF with the SEM, the LLM and, with `memory`, the store of the settings."""
    from ..graph import create_hef
    from ..sem import resolve_sem

    sem = resolve_sem(settings.sem)
    builder = create_hef(model=settings.model, sem=sem, prompts=settings.prompts, fit=settings.fit)
    store = _open_memory(settings, sem) if memory else None
    return builder.compile(store=store, checkpointer=checkpointer, name="hef")


def _open_memory(settings: Settings, sem: Any) -> Any:
    from ..graph import open_store

    return open_store(settings.home, sem, url=settings.chroma_url)


def require_text(text: str) -> str:
    """Return the text of a turn; bytes of an argument that are not UTF-8 become question marks.

    Raises:
        Misuse: It is blank.
    """
    if not text.strip():
        raise Misuse("the text is blank; give what the person said")
    return text.encode(errors="replace").decode()
