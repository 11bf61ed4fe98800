from __future__ import annotations

from itertools import pairwise
from math import fsum

import pytest
from hef.contract import Turn
from hef.sem.cause_ranking import Word, candidates, rank
from hef.sem.words import carries_content, words_of
from hypothesis import given
from hypothesis import strategies as st

SCORED = st.lists(st.tuples(st.from_regex(r"[a-c]{1,2}", fullmatch=True), st.floats(-50, 50)), max_size=12)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My dog died.", ["My", "dog", "died"]),
        ("I can't, it’s mother-in-law!", ["I", "can't", "it’s", "mother-in-law"]),
        ("so_sad 😢😢 100%", ["so", "sad", "😢", "😢", "100"]),
        ("'quoted' - dash -", ["quoted", "dash"]),
        ("ma grand-me\u0300re ne\u0301e", ["ma", "grand-me\u0300re", "ne\u0301e"]),
        ("Müde und 悲しい", ["Müde", "und", "悲しい"]),
        ("\u0301 ... \x00", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_words_stand_in_order_and_never_overlap(text: str) -> None:
    spans = words_of(text)

    assert all(start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_function_words_carry_no_content() -> None:
    assert not any(carries_content(word) for word in ["the", "I", "DON'T", "don’t", "was"])
    assert all(carries_content(word) for word in ["dog", "alone", "😢"])


def test_candidates_are_the_speakers_content_words() -> None:
    dialogue = [Turn("speaker", "My dog died."), Turn("listener", "Which breed?"), Turn("speaker", "A beagle")]

    found = [(word.turn, dialogue[word.turn].text[word.start : word.end]) for word in candidates(dialogue)]

    assert found == [(0, "dog"), (0, "died"), (2, "beagle")]


def test_without_content_words_every_word_is_a_candidate() -> None:
    assert candidates([Turn("speaker", "I was")]) == [Word(0, 0, 1), Word(0, 2, 5)]


def test_without_a_speaker_the_listener_is_searched() -> None:
    assert candidates([Turn("listener", "the dog")]) == [Word(0, 4, 7)]


def test_causes_are_ranked_by_score_with_softmax_weights() -> None:
    dialogue = [Turn("speaker", "dog died night")]
    low, high, middle = candidates(dialogue)

    causes = rank(dialogue, [low, high, middle], [0.0, 2.0, 1.0], limit=2)

    assert [cause.text for cause in causes] == ["died", "night"]
    assert causes[0].weight / causes[1].weight == pytest.approx(2.718281828)
    assert causes[0].weight + causes[1].weight < 1


def test_word_said_twice_counts_once_at_its_stronger_place() -> None:
    dialogue = [Turn("speaker", "Dog dog")]

    (cause,) = rank(dialogue, candidates(dialogue), [0.0, 1.0], limit=5)

    assert (cause.text, cause.start) == ("dog", 4)


def test_no_words_give_no_causes() -> None:
    assert rank([Turn("speaker", "")], [], [], limit=5) == ()


@given(SCORED, st.integers(0, 6))
def test_ranking_holds_for_any_scores(scored: list[tuple[str, float]], limit: int) -> None:
    dialogue = [Turn("speaker", " ".join(word for word, _ in scored))]
    places = [Word(0, *span) for span in words_of(dialogue[0].text)]

    causes = rank(dialogue, places, [score for _, score in scored], limit)

    assert len(causes) <= limit
    assert len({cause.text for cause in causes}) == len(causes)
    assert [cause.weight for cause in causes] == sorted((cause.weight for cause in causes), reverse=True)
    assert fsum(cause.weight for cause in causes) <= 1 + 1e-9
    assert all(dialogue[0].text[cause.start : cause.end] == cause.text for cause in causes)
