"""Chinese text: simplified characters, and words."""

from __future__ import annotations

import pytest
from hef.contract.chinese.simplified import is_traditional, simplified
from hef.contract.chinese.words import chinese_words


@pytest.mark.parametrize("text", ["", "plain", "日本語の東京", "👩‍👩‍👧 家庭", "e\u0301 會", "𠮷野家"])
def test_each_character_has_one_in_its_place(text: str) -> None:
    assert len(simplified(text)) == len(text)


@pytest.mark.parametrize("text", ["前天在商场把我儿子弄丢了十分钟", "突然想到小時候放學她都在門口等我"])
def test_words_follow_each_other_without_a_gap(text: str) -> None:
    spans = chinese_words(text)
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
    assert (spans[0][0], spans[-1][1]) == (0, len(text))


def test_words_of_traditional_text_are_those_of_simplified_text() -> None:
    assert chinese_words("突然想到小時候放學她都在門口等我") == chinese_words("突然想到小时候放学她都在门口等我")


@pytest.mark.parametrize("text", ["著名的乾隆", "妳好", "我想死", "hello", ""])
def test_characters_of_both_kinds_of_text_do_not_tell(text: str) -> None:
    assert not is_traditional(text)


def test_most_characters_tell() -> None:
    assert is_traditional("後來她說這個著名的地方")
    assert not is_traditional("后来她说这个地方，妳也来吧")
