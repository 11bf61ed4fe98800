"""Read and merge a low-rank adapter (LoRA, Hu et al. 2022) in the file format of PEFT, without PEFT."""

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
_KEY: Final = re.compile(r"base_model\.model\.(.{1,300})\.lora_([AB])\.weight")
_UNSUPPORTED: Final = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "modules_to_save")
"""Settings of PEFT that change the arithmetic; an adapter that sets one is rejected."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """The low-rank matrix that is added to one weight matrix: up @ down."""

    down: Array
    """Shape (rank, inputs)."""
    up: Array
    """Shape (outputs, rank), scaled by alpha / rank."""


def read_adapter(folder: Path) -> dict[str, LowRank]:
    """Return the low-rank matrices of an adapter by the names that transformers gives the weights.

    Raises:
        SetupError: A file is missing or damaged, a key is not a LoRA weight, or the two halves do not fit.
    """
    try:
        config = json.loads((folder / ADAPTER_FILES[0]).read_text("utf-8"))
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        tensors = _tensors(folder / ADAPTER_FILES[1])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _setup_error(folder, f"its files could not be read ({error!r})") from error
    if unsupported := [name for name in _UNSUPPORTED if config.get(name)]:
        raise _setup_error(folder, f"it sets {', '.join(unsupported)}, which is not supported")
    halves: dict[str, dict[str, Array]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if not match or tensor.ndim != 2:
            raise _setup_error(folder, f"it contains {key!r}, which is not a LoRA weight of a linear layer")
        halves.setdefault(f"{match[1]}.weight", {})[match[2]] = tensor
    return {name: _low_rank(folder, name, pair, rank, alpha) for name, pair in halves.items()}


def check_fit(adapter: Mapping[str, LowRank], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Reject an adapter that was not trained on weights of these shapes.

    Raises:
        SetupError: It names a weight that the model lacks, or one of another shape.
    """
    for name, low_rank in adapter.items():
        expected = (len(low_rank.up), low_rank.down.shape[1])
        if (shape := shapes.get(name)) != expected:
            raise SetupError(
                f"the adapter expects {name} of shape {expected}, and the model has "
                f"{f'shape {shape}' if shape else 'none'}: give an adapter that was trained on this model"
            )


def merge(weights: Mapping[str, Array], adapter: Mapping[str, LowRank]) -> dict[str, Array]:
    """Return the weights, with W + (alpha / rank) · B @ A for those of the adapter.

    Raises:
        SetupError: The adapter does not fit.
    """
    check_fit(adapter, {name: weight.shape for name, weight in weights.items()})
    merged = {name: np.add(weights[name], low.up @ low.down, dtype=np.float32) for name, low in adapter.items()}
    return {**weights, **merged}


def _tensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: dict[str, Any] = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _low_rank(folder: Path, name: str, pair: Mapping[str, Array], rank: int, alpha: float) -> LowRank:
    if set(pair) != {"A", "B"} or len(pair["A"]) != rank or pair["B"].shape[1] != rank:
        raise _setup_error(folder, f"one half of {name} is missing, or the halves do not have rank {rank}")
    return LowRank(pair["A"], pair["B"] * np.float32(alpha / rank))


def _setup_error(folder: Path, reason: str) -> SetupError:
    return SetupError(f"the adapter in {folder} cannot be used: {reason}; give a LoRA adapter as PEFT saves it")
