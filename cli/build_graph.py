"""From settings to a compiled graph, with the slow parts loaded side by side."""

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

    from ..contract import HefContext
    from .options import StrategyName
    from .settings import Settings


def preload_llm(model: str | None) -> None:
    """Load the LLM's weights in the background, while the caller imports and reads on.

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
    """Import without garbage collection: hundreds of thousands of lasting objects are walked for nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def build_graph(
    settings: Settings, *, memory: bool, checkpointer: BaseCheckpointSaver[Any] | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build and compile HEF with the SEM, the LLM and, where wanted, the memory of the settings."""
    from ..graph import create_hef
    from ..sem import resolve_sem

    sem = resolve_sem(settings.sem)
    builder = create_hef(model=settings.model, sem=sem, prompts=settings.prompts, fit=settings.fit)
    store = _open_memory(settings, sem) if memory else None
    return builder.compile(store=store, checkpointer=checkpointer, name="hef")


def _open_memory(settings: Settings, sem: Any) -> Any:
    from ..graph import open_store

    return open_store(settings.home, sem, url=settings.chroma_url)


def run_context(
    user: str | None, *, strategy: StrategyName, primary: float, max_requeries: int, persona: str | None
) -> HefContext:
    """Return the settings of a run from the command's options."""
    from ..contract import HefContext

    chosen: dict[str, Any] = {"persona": persona} if persona else {}
    return HefContext(
        user_id=user,
        strategy=strategy,
        primary=primary,
        max_requeries=max_requeries,
        remember=user is not None,
        **chosen,
    )


def parse_primary(given: float) -> int | float:
    """Return a count (1 to 32) or a coverage (between 0 and 1) from what stood after `--primary`.

    Raises:
        Misuse: It is neither.
    """
    if 0 < given < 1:
        return given
    if 1 <= given <= 32 and given.is_integer():
        return int(given)
    raise Misuse(f"--primary is {given:g}; give a count from 1 to 32 or a probability between 0 and 1")


def require_text(text: str) -> str:
    """Return the text of a turn.

    Raises:
        Misuse: It is blank.
    """
    if not text.strip():
        raise Misuse("the text is blank; give what the person said")
    return text
