"""SEM plugins: discovered by entry point, loaded when needed; and the shipped SEM."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from ..contract import SetupError
from ..contract.cpu_inference import cpu_threads
from .protocol import Sem, SemDescription
from .runtime.large_sem import LargeSem
from .runtime.manifest import FILE, Manifest
from .runtime.onnx_sem import OnnxSem

GROUP = "hef.sem"
SHIPPED = Path(__file__).parent / "runtime" / "model"
"""Folder of the shipped SEM."""
LARGE = SHIPPED.with_name("large")
"""Folder of the larger one that is read on top of it."""


def resolve_sem(spec: Sem | str | None = None) -> Sem:
    """Return a SEM by name, folder, address or as given.

    Args:
        spec: A SEM, which is returned unchanged; a plugin's name; a folder that `hef train sem --export`
            wrote; `huggingface:<id or folder>`; `ensemble:<one>,<other>,…`, each of them a spec; the address
            (`http://…`) of a service; or None for the shipped SEM.

    Raises:
        SetupError: There is no such plugin, it cannot be loaded, or the object is not a SEM.
    """
    if spec is None:
        return shipped_sem()
    if isinstance(spec, str):
        kind, _, source = spec.partition(":")
        if kind == "huggingface" and source:
            from .plugins.hf_sem import HfSem

            return HfSem(source)
        if kind in ("http", "https"):
            from .plugins.http_sem import HttpSem

            return HttpSem(spec)
        if kind == "ensemble" and source:
            from .plugins.ensemble_sem import EnsembleSem

            return EnsembleSem([resolve_sem(part.strip()) for part in source.split(",")])
        return open_sem(Path(spec)) if (Path(spec).expanduser() / FILE).is_file() else _load(spec)
    if isinstance(spec, Sem) and not isinstance(spec, type):
        return spec
    actual = f"the class {spec.__name__}" if isinstance(spec, type) else f"a {type(spec).__name__}"
    raise SetupError(f"sem is {actual}; expected an object with `description`, `read`, `causes`, or a plugin's name")


def open_sem(folder: Path) -> OnnxSem | LargeSem:
    """Return the SEM of a folder; one that is read on top of the shipped SEM shares that with the process.

    Raises:
        SetupError: The folder is incomplete or damaged.
    """
    is_large = Manifest.load(folder.expanduser()).enlarges is not None
    return LargeSem(folder, shipped_sem()) if is_large else OnnxSem(folder)


def large_sem() -> LargeSem:
    """Return the larger SEM that ships: MPNet fine-tuned on EmpatheticDialogues and chats, on top of the shipped one.

    All graphs of a process share it.
    """
    return _large_sem(cpu_threads(None))


@cache
def _large_sem(threads: int | None) -> LargeSem:
    return LargeSem(LARGE, _shipped_sem(threads), threads=threads)


def shipped_sem() -> OnnxSem:
    """Return the shipped SEM: MiniLM fine-tuned on EmpatheticDialogues, int8 (see MODEL_CARD.md).

    All graphs of a process share it, so that its weights are checked and loaded once.
    """
    return _shipped_sem(cpu_threads(None))


@cache
def _shipped_sem(threads: int | None) -> OnnxSem:
    return OnnxSem(SHIPPED, threads=threads)


if hasattr(os, "register_at_fork"):  # the threads of a network do not live on in a forked process
    os.register_at_fork(after_in_child=_shipped_sem.cache_clear)
    os.register_at_fork(after_in_child=_large_sem.cache_clear)


def installed_sems() -> dict[str, SemDescription | SetupError]:
    """Return the description of each installed SEM plugin, or why it cannot be loaded."""
    descriptions: dict[str, SemDescription | SetupError] = {}
    for name in _plugins():
        try:
            descriptions[name] = _description(name)
        except SetupError as error:
            descriptions[name] = error
    return descriptions


def _description(name: str) -> SemDescription:
    sem = _load(name)
    try:
        description = sem.description
    except Exception as error:
        raise SetupError(f"SEM plugin {name!r} has no readable description: {type(error).__name__}: {error}") from error
    if not isinstance(description, SemDescription):
        raise SetupError(f"SEM plugin {name!r} has a {type(description).__name__} as description, not a SemDescription")
    return description


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def _load(name: str) -> Sem:
    plugins = _plugins()
    if name not in plugins:
        raise SetupError(
            f"unknown SEM {name!r}; installed: {', '.join(plugins) or 'none'}; "
            f"a folder with a {FILE}, `huggingface:<id or folder>`, `ensemble:<one>,<other>` and `http://…` work, too"
        )
    try:
        sem: Sem = plugins[name].load()()
        is_sem = isinstance(sem, Sem)
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(f"SEM plugin {name!r} ({plugins[name].value}) cannot be loaded: {error}") from error
    if not is_sem:
        raise SetupError(
            f"SEM plugin {name!r} returns a {type(sem).__name__} without `description`, `read` and `causes`"
        )
    return sem
