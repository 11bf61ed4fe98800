"""Writing the folder of the embedded model: one ONNX graph, one transformers model, one tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

from ..silence import silence_transformers
from .adapter import merge, read_adapter
from .gguf_weights import dense, read_gguf
from .llama_graph import write_llama


def convert(gguf: Path, folder: Path, adapter: Path | None) -> None:
    """Write the model into a new folder, with an adapter merged where one is given.

    Raises:
        SetupError: The adapter cannot be used.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    added = read_adapter(adapter) if adapter else {}
    weights = read_gguf(gguf)
    full = merge(dense(weights), added)
    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    with silence_transformers():
        config = AutoConfig.from_pretrained(**place)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
        model.load_state_dict({name: torch.from_numpy(held) for name, held in full.items()}, strict=False)
        model.tie_weights()
        model.save_pretrained(folder)
        _suggest_bfloat16(folder / "config.json")
        AutoTokenizer.from_pretrained(**place).save_pretrained(folder)
    write_llama(folder / "model.onnx", model.config.to_dict(), weights, added)


def _suggest_bfloat16(config: Path) -> None:
    """Have the model loaded in bfloat16 by default: float16 keeps the weights closer, but is slow on a CPU."""
    settings = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps({**settings, "dtype": "bfloat16"}, indent=2), "utf-8")
