"""Build the compiled graph of the settings, with the LLM loaded in the background."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any

from .error_messages import MISUSED, Failure, Misuse

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph, StateGraph

    from ..characters import Character
    from ..sem import Sem
    from .settings import Settings

LOADER = "load-llm"
"""Name of the thread that loads the LLM."""
MEMORY_SECONDS = 20.0
"""Time that a command waits for another process to leave the memory; `hef chat` has it open only while it works."""


def preload_llm(model: str | None) -> None:
    """Load the LLM's weights in the background, while the caller imports the rest.

    A model that cannot be loaded is reported later, by whoever asks for it.
    """
    Thread(target=_load, args=(model,), daemon=True, name=LOADER).start()


def is_loading() -> bool:
    """Return whether the LLM is still being loaded in the background."""
    return any(thread.name == LOADER for thread in enumerate_threads())


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
    settings: Settings,
    *,
    memory: bool,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    character_sem: str | None = None,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build and compile HEF with the SEM, the LLM and, with `memory`, the store of the settings.

    Args:
        settings: LLM, SEM and folder.
        memory: Whether it recalls and remembers.
        checkpointer: What keeps conversations.
        character_sem: The SEM that reads instead. The vectors of the memory are those of the settings' SEM all the
            same: two SEMs' vectors in one memory could not be compared.

    Raises:
        Failure: A setting is wrong or a part is missing; the command ends with the code of wrong usage.
    """
    from ..contract import SetupError
    from ..sem import resolve_sem

    try:
        sem = resolve_sem(settings.sem)
        reading = sem if character_sem in (None, settings.sem) else resolve_sem(character_sem)
        builder = _builder(settings, reading, memory=memory)
    except SetupError as error:
        raise Failure(str(error), MISUSED) from error
    store = _open_memory(settings, sem) if memory else None
    return builder.compile(store=store, checkpointer=checkpointer, name="hef")


def graph_with_sem(
    settings: Settings, hef: CompiledStateGraph[Any, Any, Any, Any], sem: str
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return a graph that reads with another SEM, with the memory, its vectors, and the checkpointer of one.

    Raises:
        SetupError: There is no such SEM, or it cannot be loaded.
    """
    from ..sem import resolve_sem

    builder = _builder(settings, resolve_sem(sem), memory=hef.store is not None)
    return builder.compile(store=hef.store, checkpointer=hef.checkpointer, name="hef")


class CharacterSems:
    """The SEMs that characters state, each loaded once, and graphs that read with them.

    Args:
        settings: LLM and SEM of whoever states none.
        characters: The characters by their ids.
    """

    def __init__(self, settings: Settings, characters: Mapping[str, Character]) -> None:
        from ..contract import SetupError
        from ..sem import resolve_sem

        self._settings = settings
        self._sems: dict[str, Sem] = {}
        self.faults: dict[str, str] = {}
        """Why the SEM of a character cannot read, by the character's id."""
        self._names: dict[str, str] = {}
        for id, character in characters.items():
            if character.sem is None or character.sem == settings.sem:
                continue
            try:
                if character.sem not in self._sems:
                    sem = resolve_sem(character.sem)
                    _builder(settings, sem, memory=False)
                    self._sems[character.sem] = sem
                self._names[id] = character.sem
            except SetupError as error:
                self.faults[id] = str(error)

    def graphs(self, hef: CompiledStateGraph[Any, Any, Any, Any]) -> dict[str, CompiledStateGraph[Any, Any, Any, Any]]:
        """Return the graphs of characters with a SEM of their own, by their ids.

        Args:
            hef: The graph of all others, whose memory, with its vectors, and whose checkpointer they share.
        """
        memory, checkpointer = hef.store is not None, hef.checkpointer
        by_sem = {
            name: _builder(self._settings, sem, memory=memory).compile(
                store=hef.store, checkpointer=checkpointer, name="hef"
            )
            for name, sem in self._sems.items()
        }
        return {id: by_sem[name] for id, name in self._names.items()}


def _builder(settings: Settings, sem: Sem, *, memory: bool) -> StateGraph[Any, Any, Any, Any]:
    """Return the uncompiled graph that reads with a SEM; what the person is told of help is counted with `memory`."""
    from ..graph import create_hef
    from ..graph.parts import named_safety_check
    from ..safety import ReferralCounter

    return create_hef(
        model=settings.model,
        sem=sem,
        prompts=settings.prompts,
        fit=settings.fit,
        safety=named_safety_check(settings.safety_model),
        on_safety=ReferralCounter(settings.home) if memory else None,
    )


def close_memory(hef: CompiledStateGraph[Any, Any, Any, Any] | None) -> None:
    """Close the memory of a graph of `build_graph`, so that its files are complete and for their owner alone."""
    from ..memory import ChromaStore

    if hef is not None and isinstance(hef.store, ChromaStore):
        hef.store.close()


def _open_memory(settings: Settings, sem: Any) -> Any:
    from ..graph import open_store

    if settings.chroma_url is None:
        _close_to_others(settings.home)
    return open_store(settings.home, sem, url=settings.chroma_url, wait=MEMORY_SECONDS, hold=False)


def _close_to_others(home: Path) -> None:
    """Keep the folder of the memory for its owner; one that cannot be created is reported by the memory's node."""
    from .settings import make_home

    with suppress(OSError, Misuse):
        make_home(home)


def require_text(text: str) -> str:
    """Return the text of a turn; bytes of an argument that are not UTF-8 become question marks.

    Raises:
        Misuse: It is blank.
    """
    if not text.strip():
        raise Misuse("the text is blank; give what the person said")
    return text.encode(errors="replace").decode()
