"""Convert the embedded model: `python -m hef.llm.weights.conversion GGUF FOLDER [ADAPTER]`.

It takes 1.6 GB of memory for some seconds, and libraries that nothing else needs: it has a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ...contract import SetupError


def convert(gguf: Path, folder: Path, adapter: Path | None) -> None:
    """Write the model into a new folder, with the adapter merged: an ONNX graph, a transformers model, a tokenizer.

    Raises:
        SetupError: The adapter cannot be used.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from ..engine.torch_backend import silence_transformers
    from .adapter import merge, read_adapter
    from .gguf_weights import dense, read_gguf
    from .llama_graph import write_llama

    low_rank = read_adapter(adapter) if adapter else {}
    config, weights = read_gguf(gguf)
    merged = merge(dense(weights), low_rank)
    halves = {name: torch.from_numpy(merged.pop(name)).half() for name in list(merged)}  # each is freed at once
    with silence_transformers():
        with torch.device("meta"):  # nothing is drawn that the weights replace
            model = LlamaForCausalLM(LlamaConfig(**config, dtype=torch.float16))
        model.load_state_dict(halves, strict=False, assign=True)
        model.tie_weights()
        model.save_pretrained(folder)
        settings = model.config.to_dict()
        del model, halves
        _suggest_bfloat16(folder / "config.json")
        # The class is named: `AutoTokenizer` would read the whole file once more to choose it.
        tokenizer = PreTrainedTokenizerFast.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
        tokenizer.save_pretrained(folder)
    write_llama(folder / "model.onnx", settings, weights, low_rank)


def _suggest_bfloat16(config: Path) -> None:
    """Make bfloat16 the default for loading: float16 stores the weights more exactly, but is slow on a CPU."""
    settings = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps({**settings, "dtype": "bfloat16"}, indent=2), "utf-8")


if __name__ == "__main__":
    source, target, *lora = map(Path, sys.argv[1:])
    try:
        convert(source, target, lora[0] if lora else None)
    except SetupError as error:
        print(error)
        sys.exit(1)
