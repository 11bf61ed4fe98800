from __future__ import annotations

from math import fsum
from typing import Any

import pytest
from hef.contract import SetupError, Turn
from hef.sem import EMPATHETIC_DIALOGUES, LexiconSem, Sem, Taxonomy
from hef.sem.testing import SemContract

MOODS = Taxonomy("moods", ("low", "high"), synonyms={"blue": "low"})
WORDS = {"low": ["sad*", "passed away", "can't stand"], "high": ["happy", "can't wait", "🎉"]}


@pytest.fixture(scope="module")
def sem() -> Sem:
    return LexiconSem()


class TestLexiconSem(SemContract):
    pass


@pytest.fixture
def moods() -> LexiconSem:
    return LexiconSem(WORDS, MOODS)


def low(sem: LexiconSem, *texts: str) -> float:
    """Return the probability of `low` for turns that speaker and listener say in turn."""
    turns = [Turn("listener" if place % 2 else "speaker", text) for place, text in enumerate(texts)]
    return sem.read([turns])[0].distribution["low"]


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I was terrified when the tornado came.", "terrified"),
        ("My grandfather passed away, I am heartbroken.", "devastated"),
        ("I am so grateful that she helped me.", "grateful"),
        ("I can’t wait for the concert, I have tickets!", "excited"),
        ("I feel so lonely, all my friends moved away.", "lonely"),
        ("Somebody broke into my car and I am furious.", "furious"),
    ],
)
def test_shipped_words_speak_for_their_emotion(sem: LexiconSem, text: str, emotion: str) -> None:
    assert sem.read([[Turn("speaker", text)]])[0].ranked[0] == emotion


def test_shipped_words_cover_every_label(sem: LexiconSem) -> None:
    for label in EMPATHETIC_DIALOGUES.labels:
        (reading,) = sem.read([[Turn("speaker", f"I feel {label}.")]])
        assert reading.ranked[0] == label


def test_what_says_nothing_is_read_as_even(moods: LexiconSem) -> None:
    assert low(moods, "The table is brown.") == 0.5


@pytest.mark.parametrize("text", ["SAD", "sadness", "He passed away.", "He  PASSED\naway."])
def test_stems_phrases_and_case(moods: LexiconSem, text: str) -> None:
    assert low(moods, text) > 0.8


@pytest.mark.parametrize("text", ["passed it away", "crusader", "away passed"])
def test_parts_of_words_and_phrases_do_not_count(moods: LexiconSem, text: str) -> None:
    assert low(moods, text) == 0.5


@pytest.mark.parametrize("text", ["I am not happy", "I wasn't very happy", "I wasn’t happy", "never again so happy"])
def test_negated_words_speak_against_their_label(moods: LexiconSem, text: str) -> None:
    assert low(moods, text) > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "No, I am happy",
        "It is not far, happy",
        "not in all my life happy",
        "not bad but happy",
        "I can't wait, happy",
    ],
)
def test_a_negation_ends_with_its_clause_and_after_three_words(moods: LexiconSem, text: str) -> None:
    assert low(moods, text) < 0.2


def test_a_word_without_end_is_looked_up_as_far_as_stems_go(moods: LexiconSem) -> None:
    asked: list[str] = []

    class Stems(dict[str, tuple[str, ...]]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.append(key)
            return super().get(key, default)

    moods._stems = Stems(moods._stems)
    assert low(moods, "x" * 50_000) == 0.5
    assert max(map(len, asked)) == len("sad")


def test_newest_turns_and_the_speaker_weigh_more(moods: LexiconSem) -> None:
    assert low(moods, "I am happy.", "Oh?", "And sad.") > 0.5
    assert low(moods, "I am sad.", "Oh?", "And happy.") < 0.5
    assert low(moods, "I am sad.", "I am happy.") > 0.5


def test_causes_are_the_matched_words_of_the_speaker(moods: LexiconSem) -> None:
    talk = [Turn("speaker", "🎉 I CAN’T  wait!"), Turn("listener", "I am happy for you."), Turn("speaker", "So happy.")]

    (causes,) = moods.causes([talk], ["high"])

    assert [(cause.text, cause.turn) for cause in causes] == [("happy", 2), ("🎉", 0), ("CAN’T  wait", 0)]
    assert all(talk[cause.turn].text[cause.start : cause.end] == cause.text for cause in causes)
    assert fsum(cause.weight for cause in causes) == pytest.approx(1)
    assert moods.causes([talk], ["low"]) == [()]


def test_negated_words_are_no_causes(moods: LexiconSem) -> None:
    assert moods.causes([[Turn("speaker", "I am not happy.")]], ["high"]) == [()]


def test_other_labels_without_a_lexicon_are_read_by_their_names_and_synonyms() -> None:
    bare = LexiconSem(taxonomy=MOODS)

    assert low(bare, "I feel blue.") > 0.8
    assert low(bare, "I am on a high.") < 0.2


@pytest.mark.parametrize(
    ("lexicon", "complaint"),
    [
        ({}, "the lexicon is empty"),
        ({"low": []}, "the lexicon is empty"),
        ({"sideways": ["odd"]}, r"labels that taxonomy 'moods' lacks: \['sideways'\]"),
        ({"low": "sad"}, "gives 'low' a text"),
        ({"low": ["  "]}, "'low' the phrase '  '"),
        ({"low": ["one two three four five"]}, "one to 4 words"),
        ({"low": ["so sad*"]}, "prefix of one word"),
    ],
)
def test_a_lexicon_with_a_mistake_is_refused(lexicon: Any, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        LexiconSem(lexicon, MOODS)
