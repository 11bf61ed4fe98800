"""A low-rank adapter: read, refused, merged, and the same in both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hef.contract import SetupError
from hef.llm.weights.adapter import merge, read_adapter
from hef.llm.weights.gguf_weights import BLOCK, Blocks, dense
from hef.llm.weights.llama_graph import write_llama
from safetensors.numpy import save_file

RANK, ALPHA = 4, 8
Q, UP = "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"
SHAPES = {Q: (64, 64), UP: (96, 64)}
CONFIG: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 96,
    "vocab_size": 50,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
}


def halves(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    draws = np.random.default_rng(seed)
    return {
        f"base_model.model.{name}.lora_{half}.weight": draws.normal(0, 0.2, shape).astype(np.float16)
        for name, (outputs, inputs) in SHAPES.items()
        for half, shape in (("A", (RANK, inputs)), ("B", (outputs, RANK)))
    }


def written(folder: Path, tensors: dict[str, Any] | None = None, **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": ALPHA, **settings}))
    save_file(halves() if tensors is None else tensors, folder / "adapter_model.safetensors")
    return folder


def some_weights() -> dict[str, Blocks | np.ndarray[Any, np.dtype[np.float32]]]:
    """A model of two layers with untrained weights in blocks."""
    draws = np.random.default_rng(1)

    def blocks(outputs: int, inputs: int, codes: int = 16) -> Blocks:
        scale = draws.uniform(0.2, 1, (outputs, inputs // BLOCK)).astype(np.float32) / codes
        floor = -codes / 2 * scale if codes > 16 else draws.uniform(-0.6, -0.2, scale.shape).astype(np.float32)
        return Blocks(draws.integers(0, codes, (outputs, inputs), np.uint8), scale, floor)

    weights: dict[str, Any] = {"model.embed_tokens.weight": blocks(50, 64, 256), "model.norm.weight": ones(draws)}
    for layer in ("model.layers.0.", "model.layers.1."):
        for name, outputs, inputs in (("q", 64, 64), ("k", 32, 64), ("v", 32, 64), ("o", 64, 64)):
            weights[f"{layer}self_attn.{name}_proj.weight"] = blocks(outputs, inputs)
        for name, outputs, inputs in (("gate", 96, 64), ("up", 96, 64), ("down", 64, 96)):
            weights[f"{layer}mlp.{name}_proj.weight"] = blocks(outputs, inputs)
        weights[f"{layer}input_layernorm.weight"] = ones(draws)
        weights[f"{layer}post_attention_layernorm.weight"] = ones(draws)
    return weights


def ones(draws: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    return draws.uniform(0.5, 1.5, 64).astype(np.float32)


def test_merged_weights_do_what_base_and_low_rank_path_do(tmp_path: Path) -> None:
    draws = np.random.default_rng(2)
    base = {f"{name}.weight": draws.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    base["other.weight"] = draws.normal(size=(3, 3)).astype(np.float32)
    merged = merge(base, read_adapter(written(tmp_path / "adapter")))
    for name, (_, inputs) in SHAPES.items():
        x = draws.normal(size=inputs)
        down, up = (halves()[f"base_model.model.{name}.lora_{half}.weight"].astype(float) for half in "AB")
        expected = base[f"{name}.weight"] @ x + ALPHA / RANK * (up @ (down @ x))
        assert merged[f"{name}.weight"] @ x == pytest.approx(expected, abs=1e-4)
    assert merged["other.weight"] is base["other.weight"]


def test_graph_with_an_adapter_computes_what_the_merged_model_computes(tmp_path: Path) -> None:
    import onnxruntime as ort
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    weights, adapter = some_weights(), read_adapter(written(tmp_path / "adapter"))
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    model.load_state_dict({k: torch.from_numpy(v) for k, v in merge(dense(weights), adapter).items()}, strict=False)
    model.tie_weights()
    ids = np.array([[1, 7, 3, 44, 12]])
    with torch.inference_mode():
        expected = model.eval()(torch.from_numpy(ids)).logits.numpy()

    def logits(added: Any) -> Any:
        write_llama(tmp_path / "model.onnx", CONFIG, weights, added)
        session = ort.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
        empty = np.zeros((1, 2, 0, 16), np.float32)
        given = {
            "ids": ids,
            "positions": np.arange(5)[None],
            "bias": np.zeros((1, 1, 5, 5), np.float32),
            "wanted": np.arange(5),
            "last": np.array([4], np.int32),
            "total": np.array(5, np.int32),
            **{f"past_{kind}.{layer}": empty for kind in ("key", "value") for layer in (0, 1)},
        }
        return session.run(["logits"], given)[0]

    assert logits(adapter) == pytest.approx(expected, abs=1e-3)
    assert np.abs(logits({}) - expected).max() > 0.1


@pytest.mark.parametrize(
    "odd",
    [
        {"base_model.model.lm_head.weight": np.zeros((2, 2), np.float16)},
        {f"base_model.model.{Q}.lora_A.weight": np.zeros((RANK + 1, 64), np.float16)},
        {"base_model.model.model.layers.0.mlp.gate_proj.lora_A.weight": np.zeros((RANK, 64), np.float16)},
    ],
)
def test_adapter_that_is_none_is_refused(tmp_path: Path, odd: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="cannot be used"):
        read_adapter(written(tmp_path / "adapter", {**halves(), **odd}))


@pytest.mark.parametrize("setting", [{"use_dora": True}, {"use_rslora": True}, {"r": None}, {"rank_pattern": {"q": 2}}])
def test_adapter_of_another_arithmetic_is_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="cannot be used"):
        read_adapter(written(tmp_path / "adapter", **setting))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("damage", [None, b"", b"[1]"])
def test_missing_or_damaged_file_is_refused(tmp_path: Path, name: str, damage: bytes | None) -> None:
    folder = written(tmp_path / "adapter")
    (folder / name).unlink()
    if damage is not None:
        (folder / name).write_bytes(damage)
    with pytest.raises(SetupError, match="could not be read"):
        read_adapter(folder)


def test_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    adapter = read_adapter(written(tmp_path / "adapter"))
    base = {f"{name}.weight": np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    with pytest.raises(SetupError, match=r"shape \(64, 64\), and the model has shape \(64, 32\)"):
        merge({**base, f"{Q}.weight": np.zeros((64, 32), np.float32)}, adapter)
    with pytest.raises(SetupError, match="and the model has none"):
        merge({f"{Q}.weight": base[f"{Q}.weight"]}, adapter)
