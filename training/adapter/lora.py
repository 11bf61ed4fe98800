"""Low-rank matrices (LoRA) of the embedded LLM: adding, loading and saving them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...contract import SetupError
from ...contract.errors import needs_extra
from ...llm.weights.adapter import ADAPTER_FILES, read_adapter
from .adapter_recipe import AdapterRecipe

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Public name of the adapter's base model."""
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a block."""


def with_lora(model: nn.Module, recipe: AdapterRecipe) -> nn.Module:
    """Return the model with trainable low-rank matrices in float32 and frozen weights.

    Raises:
        SetupError: PEFT is not installed, or the model has no block from `first_layer` on.
    """
    with needs_extra("train", "an adapter is trained with PEFT"):
        from peft import LoraConfig, get_peft_model
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
    """Load the low-rank matrices into the model."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, state)


def load_adapter(model: Any, folder: Path) -> None:
    """Load the low-rank matrices of a saved adapter into the model.

    Raises:
        SetupError: It cannot be read, or its shape differs from the recipe's.
    """
    from safetensors.torch import load_file

    read_adapter(folder)
    state = {name: weight.float() for name, weight in load_file(folder / ADAPTER_FILES[1]).items()}
    config, saved = model.peft_config["default"], json.loads((folder / ADAPTER_FILES[0]).read_text("utf-8"))
    if _shapes(state) != _shapes(lora_state(model)) or saved["lora_alpha"] != config.lora_alpha:
        raise SetupError(
            f"the adapter in {folder} has other layers, rank or scale than the recipe: give the adapter's own"
        )
    load_lora(model, state)


def write_adapter(model: Any, folder: Path) -> None:
    """Write the matrices in half precision in PEFT's format: `adapter_model.safetensors`, `adapter_config.json`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: weight.detach().half().cpu().contiguous() for name, weight in lora_state(model).items()}
    save_file(halves, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    lora = model.peft_config["default"]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": BASE,
        "r": lora.r,
        "lora_alpha": lora.lora_alpha,
        "target_modules": sorted(lora.target_modules),
        "layers_to_transform": list(lora.layers_to_transform),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _shapes(state: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in state.items()}
