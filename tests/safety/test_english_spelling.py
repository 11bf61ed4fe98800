from __future__ import annotations

import pytest
from hef.safety.english_spelling import reveal_words
from hef.safety.normalized_text import normalize


def revealed(text: str) -> str:
    return reveal_words(normalize(text)).text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("k i l l  m y s e l f", "kill myself"),
        ("s.u.i.c.i.d.e", "suicide"),
        ("su1cide", "suicide"),
        ("$uicide", "suicide"),
        ("k*ll", "kill"),
        ("un@live", "unalive"),
        ("killmyself", "kill myself"),
        ("sucidal", "suicidal"),
        ("mysefl", "myself"),
        ("diiiie", "die"),
        ("sui cidal", "suicidal"),
    ],
)
def test_disguised_and_mistyped_words_are_revealed(written: str, meant: str) -> None:
    assert revealed(f"i {written} now") == f"i {meant} now"


@pytest.mark.parametrize(
    "text",
    ["billing and filling forms", "homeless people", "i am skilled", "e.g. well...ok", "3.5 km in 20 min", "a b c"],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert revealed(text) == text


@pytest.mark.parametrize("text", ["i want to dye my hair tonight", "i want sui mai", "kell and liv are here"])
def test_words_of_their_own_are_no_misspellings(text: str) -> None:
    assert reveal_words(normalize(text)).text == text
