from __future__ import annotations

import time

import pytest
from hef.contract import Turn
from hef.safety import assess
from hef.safety.turn_reading import MAX_CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st

SECONDS = 1.0
"""Processor time for 100,000 characters on a busy machine; what grows faster than the text takes many times it."""
HOSTILE = [
    "i want to kill myself ",
    "k i l l ",
    "k*l.l ",
    "a ",
    "a.",
    "a1",
    "die ",
    "我想死",
    "我的朋友说她",
    "my friend said she ",
    "pills all my ",
    "((((",
    "i\u200b",
    "😂",
    "\n",
    "not not not ",
    "kill",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_hostile_turn_is_read_in_linear_time(unit: str) -> None:
    assess([Turn("speaker", "warm")])
    text = (unit * 100_000)[:100_000]
    start = time.process_time()
    assess([Turn("speaker", text)])
    assert time.process_time() - start < SECONDS


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, "not ", "@ ", "what ", "she ", "，", ". ", "take ", "end it "]), max_size=80)
)
def test_no_mixture_of_risky_words_is_slow(parts: list[str]) -> None:
    start = time.process_time()
    assess([Turn("speaker", "".join(parts))])
    assert time.process_time() - start < SECONDS


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_read(text: str) -> None:
    safety = assess([Turn("speaker", text)])
    assert all(words in text for words in safety.words)


def test_of_a_long_turn_the_beginning_the_end_and_risky_words_are_read() -> None:
    filler = "the weather is nice today. " * 2000
    for text in (
        "I want to kill myself. " + filler,
        filler + "I want to kill myself.",
        filler + "I want to kill myself. " + filler,
    ):
        assert len(text) > MAX_CHARACTERS
        safety = assess([Turn("speaker", text)])
        assert safety.level == "danger"
        assert "kill myself" in safety.words[0]
