"""The ONNX engine against the same weights in transformers, and against itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hef.contract import ModelError, SetupError
from hef.llm import prepare_embedded
from hef.llm.engine.backend import Array, Backend
from hef.llm.engine.engine import Engine
from hef.llm.engine.onnx_backend import OnnxBackend
from hef.llm.engine.tokenizer import LightTokenizer
from hef.llm.weights import gguf_weights, loading
from hef.llm.weights.gguf_weights import dense

TEXTS = (
    "<|im_start|>user\nMy dog died last night and I do not know what to do.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nGuess what, we are expecting our first baby!<|im_end|>\n<|im_start|>assistant\nThat is",
    "Ça va? 日本 — 1,234.5 \U0001f600",
)
CLOSE = 0.06
"""What rounding the weights to float16 for transformers may take off a logit; int8 activations are off by 1."""
SAME = 0.002
"""What another order of the same sums may do to it."""


@pytest.fixture(scope="module")
def network() -> OnnxBackend:
    return OnnxBackend(prepare_embedded(model="embedded-plain"), threads=1)


@pytest.fixture(scope="module")
def reference() -> Backend:
    """The same weights in transformers, in float32."""
    return loading.load("embedded-plain", precision="float32", threads=1)


def tokens(network: OnnxBackend, text: str) -> list[int]:
    ids: list[int] = network.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def read(network: OnnxBackend, ids: Sequence[int]) -> Array:
    return network.forward(ids, network.new_cache())


@pytest.mark.parametrize("text", TEXTS)
def test_logits_are_those_of_transformers_in_float32(network: OnnxBackend, reference: Backend, text: str) -> None:
    ids = tokens(network, text)

    def logits(engine: Backend) -> Array:
        cache = engine.new_cache()
        first = engine.forward(ids[:1], cache)
        return np.vstack([first, *engine.forward_branches([ids[1:]], cache)])

    assert np.abs(logits(network) - logits(reference)).max() < CLOSE


@pytest.mark.parametrize("kind", ["Q4_1", "Q8_0", "F32"])
def test_weights_are_read_as_the_format_says(kind: str) -> None:
    from gguf import GGMLQuantizationType, dequantize, quantize

    values = np.random.default_rng(0).normal(size=(6, 64)).astype(np.float32)
    written = GGMLQuantizationType[kind]
    data = quantize(values, written)
    held = gguf_weights._read_tensor(SimpleNamespace(shape=[64, 6], data=data, tensor_type=written))
    assert np.array_equal(dense({"x": held})["x"], dequantize(data, written))


def test_rows_come_back_in_the_order_of_transformers() -> None:
    rows, heads = np.arange(48), 3
    as_in_gguf = rows.reshape(heads, 2, 8).swapaxes(1, 2).reshape(-1)  # as llama.cpp's converter permutes them
    assert np.array_equal(as_in_gguf[gguf_weights._unpermute_rotary(48, heads)], rows)


def test_steps_and_chunks_give_the_logits_of_one_pass(network: OnnxBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    from hef.llm.engine import onnx_backend

    ids = tokens(network, TEXTS[0])
    expected = read(network, ids)
    cache = network.new_cache()
    stepped = [network.forward([token], cache) for token in ids]
    assert stepped[-1] == pytest.approx(expected, abs=SAME)
    monkeypatch.setattr(onnx_backend, "_CHUNK", 7)
    monkeypatch.setattr(onnx_backend, "_BUFFER_STEP", 8)
    assert read(network, ids) == pytest.approx(expected, abs=SAME)


def test_cut_cache_goes_on_like_a_fresh_one(network: OnnxBackend) -> None:
    ids, other = tokens(network, TEXTS[0]), tokens(network, " The other way round")
    cache = network.new_cache()
    network.forward(ids, cache)
    cut = network.truncate(cache, 12)
    assert network.forward(other, cut) == pytest.approx(read(network, [*ids[:12], *other]), abs=SAME)
    assert (network.cached_length(cut), network.cached_length(cache)) == (12 + len(other), len(ids))
    assert network.forward(other, cache) == pytest.approx(read(network, [*ids, *other]), abs=SAME)


def test_kept_text_changes_nothing_but_the_work(network: OnnxBackend) -> None:
    engine = Engine(lambda: network, prefix_cache_tokens=100)
    ids = tokens(network, TEXTS[0])
    engine.cache_prefix(engine.start(ids))
    longer = [*ids[:20], *tokens(network, TEXTS[1])]
    assert engine.start(longer).logits == pytest.approx(read(network, longer), abs=SAME)


def test_branches_equal_single_steps_and_leave_the_text_alone(network: OnnxBackend) -> None:
    ids = tokens(network, TEXTS[0])
    endings = [tokens(network, ending) for ending in (" I am so", " Oh", " What a")] + [[]]
    cache = network.new_cache()
    network.forward(ids, cache)
    for ending, branch in zip(endings, network.forward_branches(endings, cache), strict=True):
        assert len(branch) == len(ending)
        alone = network.truncate(cache, len(ids))
        for token, logits in zip(ending, branch, strict=True):
            assert network.forward([token], alone) == pytest.approx(logits, abs=SAME)
    assert network.forward([5], cache) == pytest.approx(read(network, [*ids, 5]), abs=SAME)


def test_branching_without_any_token_gives_nothing(network: OnnxBackend) -> None:
    cache = network.new_cache()
    network.forward([1, 2], cache)
    assert [len(branch) for branch in network.forward_branches([[], []], cache)] == [0, 0]


def test_threads_do_not_disturb_each_other(network: OnnxBackend) -> None:
    engine = Engine(lambda: network, prefix_cache_tokens=200)
    texts = [tokens(network, text) for text in TEXTS]

    def told(ids: list[int]) -> list[int]:
        state = engine.start(ids)
        for _ in range(3):
            engine.advance(state, int(state.logits.argmax()))
        engine.cache_prefix(state)
        return state.ids

    alone = [told(ids) for ids in texts]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(told, texts * 2)) == alone * 2


def test_token_that_is_none_is_an_error_and_not_a_crash(network: OnnxBackend) -> None:
    with pytest.raises(ModelError, match="failed on 1 token"):
        read(network, [10**6])


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("damage", [None, b"", b"{"])
def test_folder_that_is_not_whole_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: bytes | None
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in prepare_embedded().iterdir():
        if path.suffix != ".safetensors":
            (folder / path.name).symlink_to(path)
    (folder / name).unlink()
    if damage is not None:
        (folder / name).write_bytes(damage)
    monkeypatch.setattr(loading, "converted", lambda **_: folder)
    with pytest.raises(SetupError, match="could not be loaded"):
        loading.load("embedded")


def test_light_tokenizer_does_what_transformers_does() -> None:
    from transformers import AutoTokenizer

    folder = prepare_embedded()
    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), LightTokenizer(folder)
    plain = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    for text in (*TEXTS, "", "  two  spaces \n\n<|endoftext|> it 's a 'test' ."):
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours(text, add_special_tokens=False)["input_ids"] == ids
        assert ours.decode(ids, **plain) == theirs.decode(ids, **plain)
        assert ours.decode(ids[:-1]) == theirs.decode(ids[:-1], clean_up_tokenization_spaces=False)
    for turns in (
        [{"role": "user", "content": "Hi <b>&amp;</b> 'you'"}],
        [{"role": "system", "content": "Rules."}, {"role": "user", "content": "Hi."}],
    ):
        asked: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
        assert ours.apply_chat_template(turns, **asked) == theirs.apply_chat_template(turns, **asked)
    special = {str(token) for token in theirs.added_tokens_decoder.values() if token.special}
    assert {str(token) for token in ours.added_tokens_decoder.values() if token.special} == special
