from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from hef.contract import Turn
from hef.contract.cpu_inference import open_session
from hef.sem.registry import SHIPPED
from hef.sem.runtime.encoding import DialogueEncoder, pad
from hef.training.sem.chinese.chinese_pieces import ADDED_RANK, add_words, extend_tokenizer, lexical_facts
from hef.training.sem.chinese.onnx_extension import ROW_OF_ID, extend_network
from onnx import numpy_helper
from tokenizers import Tokenizer

PIECES = ["昨天", "狗", "死", "我", "了", "的"]
ENGLISH_SIZE = 30522
ENGLISH = "I can't believe it - my dog's gone... naïve?!"


@pytest.fixture(scope="module")
def definition() -> dict[str, object]:
    """Return BERT's tokenizer, which the shipped one was made of: its ids come first, its steps last."""
    shipped = json.loads((SHIPPED / "tokenizer.json").read_text("utf-8"))
    vocabulary = {piece: number for piece, number in shipped["model"]["vocab"].items() if number < ENGLISH_SIZE}
    return {
        **shipped,
        "normalizer": shipped["normalizer"]["normalizers"][-1] | {"handle_chinese_chars": True},
        "pre_tokenizer": shipped["pre_tokenizer"]["pretokenizers"][-1],
        "model": shipped["model"] | {"vocab": vocabulary, "max_input_chars_per_word": 100},
    }


@pytest.fixture(scope="module")
def extended(definition: dict[str, object]) -> tuple[Tokenizer, list[int]]:
    new, rows = extend_tokenizer(definition, PIECES)
    return Tokenizer.from_str(json.dumps(new)), rows


def test_english_is_tokenized_as_before(definition: dict[str, object], extended: tuple[Tokenizer, list[int]]) -> None:
    english = Tokenizer.from_str(json.dumps(definition)).encode(ENGLISH).ids
    assert extended[0].encode(ENGLISH).ids == english
    assert Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).encode(ENGLISH).ids == english


def test_the_longest_piece_is_taken_wherever_it_stands(extended: tuple[Tokenizer, list[int]]) -> None:
    tokens = extended[0].encode("我的iPhone昨天死了！", add_special_tokens=False).tokens
    assert tokens == ["我", "##的", "iphone", "昨天", "##死", "##了", "!"]


def test_a_piece_has_one_embedding_in_both_places(extended: tuple[Tokenizer, list[int]]) -> None:
    tokenizer, rows = extended
    for piece in PIECES:
        assert rows[tokenizer.token_to_id(piece)] == rows[tokenizer.token_to_id(f"##{piece}")]
        assert rows[tokenizer.token_to_id(piece)] >= ENGLISH_SIZE
    assert max(rows) + 1 == ENGLISH_SIZE + len(PIECES)


def test_an_unknown_character_hides_no_other_one(extended: tuple[Tokenizer, list[int]]) -> None:
    assert extended[0].encode("狗魑狗", add_special_tokens=False).tokens == ["狗", "[UNK]", "狗"]


def test_an_extended_network_reads_what_it_could_read_to_the_bit_as_before(tmp_path: Path) -> None:
    rows = network_rows(SHIPPED / "model.onnx")
    new = max(rows) + 1
    extend_network(
        SHIPPED / "model.onnx",
        tmp_path / "model.onnx",
        rows=[*rows, new, new],
        new_rows=np.zeros((1, 384), dtype=np.float32),
        lexical=lexical_facts(PIECES, ENGLISH_SIZE)[:1],
        heads={"other": ("cat", np.ones((2688, 1), dtype=np.float32), np.array([0.5], dtype=np.float32))},
    )
    inputs = pad([encoder(SHIPPED / "tokenizer.json")([Turn("speaker", ENGLISH)])])
    before = open_session(SHIPPED / "model.onnx", threads=1).run(["logits", "vector", "causes"], inputs)
    after = open_session(tmp_path / "model.onnx", threads=1).run(["logits", "vector", "causes", "other"], inputs)
    for old, same in zip(before, after[:3], strict=True):
        assert np.array_equal(old, same)
    assert after[3].shape == (1, 1)


def test_a_new_piece_has_its_own_embedding(tmp_path: Path) -> None:
    rows = network_rows(SHIPPED / "model.onnx")
    target = tmp_path / "model.onnx"
    inputs = pad([encoder(SHIPPED / "tokenizer.json")([Turn("speaker", "so sad")])])
    sad = int(inputs["input_ids"][0, 2])
    rows[sad] = max(rows) + 1
    facts = np.zeros((1, 4), dtype=np.float32)
    extend_network(
        SHIPPED / "model.onnx", target, rows=rows, new_rows=np.ones((1, 384), dtype=np.float32), lexical=facts
    )
    before = open_session(SHIPPED / "model.onnx", threads=1).run(["logits"], inputs)[0]
    assert not np.allclose(before, open_session(target, threads=1).run(["logits"], inputs)[0])


def network_rows(network: Path) -> list[int]:
    """Return the embedding row of each token id."""
    tensors = {tensor.name: tensor for tensor in onnx.load(str(network)).graph.initializer}
    return [int(row) for row in numpy_helper.to_array(tensors[ROW_OF_ID])]


def encoder(tokenizer: Path) -> DialogueEncoder:
    return DialogueEncoder(Tokenizer.from_file(str(tokenizer)), 64)


def test_words_of_the_training_dialogues_that_the_pieces_lack_are_added_by_their_frequency() -> None:
    pieces = [f"piece {rank}" for rank in range(ADDED_RANK + 5)]
    more = add_words(pieces)
    assert [piece for piece in more if piece in pieces] == pieces
    assert {"难过", "恶心", "嫉妒"} <= set(more[ADDED_RANK:-5])
    assert len(set(more)) == len(more)
