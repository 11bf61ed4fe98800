"""A tiny random language model with the embedded model's tokenizer and chat template."""

from __future__ import annotations

import shutil
from pathlib import Path


def tiny_llm(folder: Path) -> Path:
    """Write the model into a folder that `huggingface:<folder>` takes."""
    import torch
    from hef.llm import prepare_embedded
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=49152, max_position_embeddings=2048, eos_token_id=2, bos_token_id=1, **shape)
    LlamaForCausalLM(config).save_pretrained(folder)
    for path in prepare_embedded().iterdir():
        if "token" in path.name or path.name == "chat_template.jinja":
            shutil.copy(path, folder / path.name)
    return folder
