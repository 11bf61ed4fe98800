from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hef.contract import Turn
from hef.contract.cpu_inference import open_session
from hef.sem.registry import SHIPPED
from hef.sem.runtime.cause_ranking import candidates
from hef.sem.runtime.encoding import DialogueEncoder, pad
from hef.training.sem.chinese.chinese_pieces import extend_tokenizer, lexical_facts
from hef.training.sem.chinese.onnx_extension import extend_network
from tokenizers import Tokenizer

PIECES = ["昨天", "狗", "死", "我", "了", "的"]
ENGLISH = "I can't believe it - my dog's gone... naïve?!"


@pytest.fixture(scope="module")
def definition() -> dict[str, object]:
    loaded: dict[str, object] = json.loads((SHIPPED / "tokenizer.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def extended(definition: dict[str, object]) -> tuple[Tokenizer, list[int]]:
    new, rows = extend_tokenizer(definition, PIECES, {"😭": "crying", "\ufe0f": ""})
    return Tokenizer.from_str(json.dumps(new)), rows


def test_english_is_tokenized_as_before(extended: tuple[Tokenizer, list[int]]) -> None:
    shipped = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    shipped.no_padding()
    assert extended[0].encode(ENGLISH).ids == shipped.encode(ENGLISH).ids


def test_the_longest_piece_is_taken_wherever_it_stands(extended: tuple[Tokenizer, list[int]]) -> None:
    tokens = extended[0].encode("我的iPhone昨天死了！", add_special_tokens=False).tokens
    assert tokens == ["我", "##的", "iphone", "昨天", "##死", "##了", "!"]


def test_a_piece_has_one_embedding_in_both_places(extended: tuple[Tokenizer, list[int]]) -> None:
    tokenizer, rows = extended
    for piece in PIECES:
        assert rows[tokenizer.token_to_id(piece)] == rows[tokenizer.token_to_id(f"##{piece}")]
        assert rows[tokenizer.token_to_id(piece)] >= 30522
    assert max(rows) + 1 == 30522 + len(PIECES)


def test_an_emoji_is_read_as_words_at_its_place(extended: tuple[Tokenizer, list[int]]) -> None:
    encoding = extended[0].encode("dog 😭", add_special_tokens=False)
    assert encoding.tokens == ["dog", "crying"]
    assert encoding.offsets[0] == (0, 3)


def test_an_unknown_character_hides_no_other_one(extended: tuple[Tokenizer, list[int]]) -> None:
    assert extended[0].encode("狗魑狗", add_special_tokens=False).tokens == ["狗", "[UNK]", "狗"]


def test_chinese_causes_are_words_of_the_tokenizer(extended: tuple[Tokenizer, list[int]]) -> None:
    turns = [Turn("speaker", "我的狗昨天死了 today")]
    encoded = DialogueEncoder(extended[0], 64)(turns)
    assert [turns[0].text[w.start : w.end] for w in candidates(turns, encoded, light=True)] == ["狗", "死", "today"]


def test_the_extended_network_reads_english_to_the_bit_as_before(
    extended: tuple[Tokenizer, list[int]], tmp_path: Path
) -> None:
    tokenizer, rows = extended
    new = max(rows) + 1 - 30522
    matrix = np.ones((2688, 1), dtype=np.float32)
    extend_network(
        SHIPPED / "model.onnx",
        tmp_path / "model.onnx",
        rows=rows,
        new_rows=np.zeros((new, 384), dtype=np.float32),
        lexical=lexical_facts(PIECES, 30522)[:new],
        heads={"neutral": ("cat", matrix, np.array([0.5], dtype=np.float32))},
    )
    inputs = pad([DialogueEncoder(tokenizer, 64)([Turn("speaker", ENGLISH)])])
    before = open_session(SHIPPED / "model.onnx", threads=1).run(["logits", "vector", "causes"], inputs)
    after = open_session(tmp_path / "model.onnx", threads=1).run(["logits", "vector", "causes", "neutral"], inputs)
    for old, same in zip(before, after[:3], strict=True):
        assert np.array_equal(old, same)
    assert after[3].shape == (1, 1)
