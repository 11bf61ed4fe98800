"""The embedded LLM with low-rank matrices beside its frozen weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...contract import SetupError
from ...llm.weights.adapter import ADAPTER_FILES, read_adapter
from .adapter_recipe import AdapterRecipe

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""What the adapter belongs to, by its public name."""
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a block."""


def with_lora(model: nn.Module, recipe: AdapterRecipe) -> nn.Module:
    """Return the model with trainable low-rank matrices in float32; all else is frozen.

    Raises:
        SetupError: PEFT is not installed, or the model has fewer blocks than the recipe leaves alone.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise SetupError("an adapter is trained with PEFT: install it with `pip install 'hef[train]'`") from error
    blocks: int = model.config.num_hidden_layers  # type: ignore[union-attr, assignment]
    if recipe.first_layer >= blocks:
        raise SetupError(f"first_layer is {recipe.first_layer}, and the model has {blocks} blocks")
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=round(recipe.rank * recipe.scale),
        target_modules=list(TARGETS),
        layers_to_transform=list(range(recipe.first_layer, blocks)),
        task_type="CAUSAL_LM",
    )
    wrapped: nn.Module = get_peft_model(model, config)
    for weight in wrapped.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return wrapped


def lora_state(model: Any) -> dict[str, torch.Tensor]:
    """Return the low-rank matrices by PEFT's names."""
    from peft import get_peft_model_state_dict

    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model)
    return state


def load_lora(model: Any, state: dict[str, torch.Tensor]) -> None:
    """Set the low-rank matrices."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, state)


def start_from(model: Any, folder: Path) -> None:
    """Set the low-rank matrices to those of a written adapter.

    Raises:
        SetupError: It cannot be read, or has another shape than the recipe's.
    """
    from safetensors.torch import load_file

    read_adapter(folder)
    state = {name: weight.float() for name, weight in load_file(folder / ADAPTER_FILES[1]).items()}
    held, written = model.peft_config["default"], json.loads((folder / ADAPTER_FILES[0]).read_text("utf-8"))
    if _shapes(state) != _shapes(lora_state(model)) or written["lora_alpha"] != held.lora_alpha:
        raise SetupError(f"the adapter in {folder} has other layers, rank or scale than the recipe: give its own")
    load_lora(model, state)


def write_adapter(model: Any, folder: Path) -> None:
    """Write the matrices in half precision in PEFT's form: `adapter_model.safetensors`, `adapter_config.json`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: weight.detach().half().cpu().contiguous() for name, weight in lora_state(model).items()}
    save_file(halves, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    held = model.peft_config["default"]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": BASE,
        "r": held.r,
        "lora_alpha": held.lora_alpha,
        "target_modules": sorted(held.target_modules),
        "layers_to_transform": list(held.layers_to_transform),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _shapes(state: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in state.items()}
