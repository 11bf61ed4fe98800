from __future__ import annotations

import pytest
from hef.safety.normalized_text import normalize
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("KILL Myself", "kill myself"),
        ("ｋｉｌｌ", "kill"),
        ("k\u200bi\u200dll", "kill"),
        ("𝓴𝓲𝓵𝓵", "kill"),
        ("kíłl".replace("ł", "l"), "kill"),
        ("suісіdе", "suicide"),
        ("I’m “fine”", 'i\'m "fine"'),
        ("我想自殺", "我想自杀"),
    ],
)
def test_disguises_of_single_characters_are_taken_away(raw: str, normal: str) -> None:
    assert normalize(raw).text == normal


def test_spans_lead_back_to_the_text_as_written() -> None:
    raw = "ok. k\u200bi\u200bll me"
    text = normalize(raw)
    start = text.text.index("kill")
    begin, end = text.raw_span(start, start + 4)
    assert raw[begin:end] == "k\u200bi\u200bll"


def test_replaced_words_keep_the_offsets_of_what_they_replace() -> None:
    text = normalize("I want k*ll").replace([(7, 11, "kill")])
    assert text.text == "i want kill"
    assert text.raw_span(7, 11) == (7, 11)


@given(st.text(max_size=200))
def test_every_character_has_an_offset_in_the_raw_text(raw: str) -> None:
    text = normalize(raw)
    assert len(text.text) == len(text.offsets)
    assert all(0 <= offset < len(raw) for offset in text.offsets)
    assert list(text.offsets) == sorted(text.offsets)
