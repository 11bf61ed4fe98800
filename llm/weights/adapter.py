"""A low-rank adapter (LoRA, Hu et al. 2022) in the file format of PEFT, read and merged without PEFT."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...contract import SetupError
from ..engine.backend import Array

ADAPTER_FILES: Final = ("adapter_config.json", "adapter_model.safetensors")
_KEY: Final = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
_UNKNOWN: Final = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "modules_to_save")
"""Settings of PEFT that change the arithmetic, and that are refused when they are set."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """What is added to one matrix: up @ down."""

    down: Array
    """Shape (rank, inputs)."""
    up: Array
    """Shape (outputs, rank), scaled by alpha / rank."""


def read_adapter(folder: Path) -> dict[str, LowRank]:
    """Return what an adapter adds, by the name of the weight as transformers calls it.

    Raises:
        SetupError: A file is missing or damaged, a key is no LoRA weight, or halves do not fit.
    """
    try:
        config = json.loads((folder / ADAPTER_FILES[0]).read_text("utf-8"))
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        tensors = _tensors(folder / ADAPTER_FILES[1])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused(folder, f"its files could not be read ({error!r})") from error
    if odd := [name for name in _UNKNOWN if config.get(name)]:
        raise _refused(folder, f"it sets {', '.join(odd)}, which is not understood")
    halves: dict[str, dict[str, Array]] = {}
    for key, tensor in tensors.items():
        found = _KEY.fullmatch(key)
        if not found or tensor.ndim != 2:
            raise _refused(folder, f"it holds {key!r}, which is no LoRA weight of a linear layer")
        halves.setdefault(f"{found[1]}.weight", {})[found[2]] = tensor
    return {name: _joined(folder, name, pair, rank, alpha) for name, pair in halves.items()}


def check_fit(adapter: Mapping[str, LowRank], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse an adapter that is not made for weights of these shapes.

    Raises:
        SetupError: It names a weight that is not there, or one of another shape.
    """
    for name, added in adapter.items():
        made = (len(added.up), added.down.shape[1])
        if (held := shapes.get(name)) != made:
            raise SetupError(
                f"the adapter is made for {name} of shape {made}, and the model has "
                f"{f'shape {held}' if held else 'none'}: give an adapter that was trained on this model"
            )


def merge(weights: Mapping[str, Array], adapter: Mapping[str, LowRank]) -> dict[str, Array]:
    """Return the weights with W + (alpha / rank) · B @ A where the adapter has something to add.

    Raises:
        SetupError: The adapter does not fit.
    """
    check_fit(adapter, {name: held.shape for name, held in weights.items()})
    sums = {name: np.add(weights[name], added.up @ added.down, dtype=np.float32) for name, added in adapter.items()}
    return {**weights, **sums}


def _tensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        held: dict[str, Any] = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return {name: tensor.astype(np.float32) for name, tensor in held.items()}


def _joined(folder: Path, name: str, pair: Mapping[str, Array], rank: int, alpha: float) -> LowRank:
    if set(pair) != {"A", "B"} or len(pair["A"]) != rank or pair["B"].shape[1] != rank:
        raise _refused(folder, f"of {name} it lacks one half, or the halves are not of rank {rank}")
    return LowRank(pair["A"], pair["B"] * np.float32(alpha / rank))


def _refused(folder: Path, why: str) -> SetupError:
    return SetupError(f"the adapter in {folder} cannot be used: {why}; give a LoRA adapter as PEFT saves it")
