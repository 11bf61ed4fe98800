"""Of a long past turn a note quotes the part that bears on what is said now."""

from __future__ import annotations

import time

import pytest
from hef.contract import Memory
from hef.prompts import recalled_lines
from hef.prompts.excerpt import excerpt

LONG = (
    "so today was a lot, the bus broke down and i walked half the way in the rain. "
    "then at the funeral steve turned up, my ex, we have been divorced three years, in a suit that i bought him. "
    "my mum held my hand all through it. maisie sang and nobody knew she could. "
    "afterwards there were sandwiches, and i ate four of them standing in the kitchen like a horse."
)
CHINESE = (
    "今天很累，公交车坏了，我在雨里走了一半的路。后来在葬礼上，我前夫建国来了，穿着我买的西装。妈妈一直握着我的手。"
)


@pytest.mark.parametrize(
    ("query", "word"),
    [("who was steve again", "divorced three years"), ("maisie wants to sing again", "nobody knew she could")],
)
def test_the_part_is_quoted_that_is_asked_for(query: str, word: str) -> None:
    part = excerpt(LONG, query, 130)
    assert word in part
    assert len(part) <= 130
    assert part.startswith("…")
    assert part.strip("…") in LONG


def test_a_text_without_marks_is_searched_word_by_word() -> None:
    text = (
        "we walked and walked and talked about nothing much " * 8
        + "and steve was there too "
        + "and it rained all day " * 20
    )
    part = excerpt(text, "steve", 200)
    assert "steve was there" in part
    assert len(part) <= 200


def test_of_chinese_as_well() -> None:
    part = excerpt(CHINESE, "建国是谁？", 30)
    assert "建国" in part
    assert len(part) <= 30


def test_where_nothing_is_shared_it_is_the_whole_text_for_the_caller_to_cut() -> None:
    assert excerpt(LONG, "the a of", 100) == LONG
    assert excerpt(LONG, "", 100) == LONG
    assert excerpt("short", "steve", 100) == "short"


def test_a_text_without_any_mark_is_searched_quickly() -> None:
    started = time.process_time()
    for text in ("steve " * 3400, "史" * 20_000, "," * 20_000):
        assert len(excerpt(text, "steve 史史", 300)) <= max(300, len(text))
    assert time.process_time() - started < 2


def test_a_note_quotes_more_of_a_turn_where_there_is_room() -> None:
    one = [Memory(id="1", text=LONG)]
    assert "like a horse" in recalled_lines(one, 400, query="hello")
    three = [Memory(id=str(number), text=f"{number} {LONG * 3}") for number in range(3)]
    lines = recalled_lines(three, 400, query="steve in his suit").splitlines()
    assert len(lines) == 3
    assert all("divorced three years" in line for line in lines)
    assert sum(map(len, lines)) <= 1600
