"""The default memory: a Chroma store in the user's folder, embedded by the SEM."""

from __future__ import annotations

from pathlib import Path

from langgraph.store.base import IndexConfig

from ..contract import SetupError
from ..memory import ChromaStore
from ..sem import EmbeddingSem, Sem, resolve_sem


def open_store(
    home: Path | str | None = None,
    sem: Sem | str | None = None,
    *,
    url: str | None = None,
    wait: float = 0.0,
    hold: bool = True,
) -> ChromaStore:
    """Return a Chroma store whose vectors come from a SEM, so that nothing is downloaded.

    Args:
        home: Folder for `memory/`; None (and no url) keeps it in this process only.
        sem: A SEM that embeds; None means the shipped one.
        url: A `chroma run` server instead of a folder, for more than one process.
        wait: Seconds that an operation waits for another process that has the folder open.
        hold: Whether the folder stays open between operations, see `ChromaStore`.

    Raises:
        SetupError: The SEM gives no sentence vectors.
    """
    resolved_sem = resolve_sem(sem)
    if not isinstance(resolved_sem, EmbeddingSem):
        raise SetupError(
            f"SEM {resolved_sem.description.name!r} gives no sentence vectors; open the store with the shipped one"
        )
    index: IndexConfig = {"dims": resolved_sem.dimensions, "embed": resolved_sem.embed, "fields": ["text"]}
    if url is not None:
        return ChromaStore.from_url(url, index=index)
    if home is not None:
        return ChromaStore(Path(home) / "memory", index=index, wait=wait, hold=hold)
    return ChromaStore.ephemeral(index=index)
