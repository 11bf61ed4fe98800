from __future__ import annotations

import pytest
from hef.safety.english_tokens import tokenize


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("i can't go on anymore", "i can not go on any more"),
        ("idk, i'll kms", "i do not know , i will kill myself"),
        ("took 40 pills and 2 beers", "took NUM pills and FEW beers"),
        ("she doesn't", "she does not"),
        ("自*杀", "自 杀"),
        ("我想zs", "我 想 zs"),
    ],
)
def test_short_forms_are_written_out_and_chinese_is_read_by_characters(text: str, symbols: str) -> None:
    assert tokenize(text).symbols == symbols.split()


def test_tokens_know_where_they_stand() -> None:
    tokens = tokenize("i can't")
    assert list(zip(tokens.starts, tokens.ends, strict=True)) == [(0, 1), (2, 7), (2, 7)]
