"""What is counted in the text of a reply, against values counted by hand."""

from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.contract.text import words, words_and_punctuation
from hef.evaluation.replies.reply_text import distinct, sentences, speaks_as_ai, speaks_as_person, uptake

SAID = [
    Turn("speaker", "My dog died last night."),
    Turn("listener", "My goodness."),
    Turn("speaker", "He was our oldest."),
]


def test_distinct_counts_over_all_replies_together():
    texts = ["I am sad.", "I am so sad"]
    assert words_and_punctuation(texts[0]) == ["i", "am", "sad", "."]
    assert distinct(texts, 1) == pytest.approx(5 / 8)
    assert distinct(texts, 2) == pytest.approx(5 / 6)


def test_no_pair_reaches_from_one_reply_into_the_next():
    assert distinct(["a b", "b a"], 2) == 1.0
    assert distinct(["a", "b"], 2) == 0.0
    assert distinct([], 1) == 0.0


def test_an_apostrophe_stays_in_its_word_and_case_does_not_count():
    assert words_and_punctuation("Don't DON'T!") == ["don't", "don't", "!"]
    assert words("I’m fine.") == ["i'm", "fine"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("...", 0),
        ("I am sorry", 1),
        ("Oh no!! What happened?", 2),
        ("Dr. Smith saw Mr. Jones. Good.", 2),
        ("It cost 3.50 at www.shop.com today.", 1),
        ('"Stop!" she said. Really?!', 3),
        ("Well… I see. 😊", 3),
        ("First\nline.\n\nSecond line", 2),
    ],
)
def test_sentences_end_at_their_marks(text: str, count: int):
    assert len(sentences(text)) == count


def test_cause_words_are_taken_up_by_word_or_stem():
    assert uptake("Your dogs must miss you.", ["dog", "died last night"]) == pytest.approx(1 / 4)
    assert uptake("He is dying? My DOG's gone too.", ["dog"]) == 1.0
    assert uptake("The doggedness!", ["dog"]) == 0.0


def test_causes_without_a_content_word_have_no_uptake():
    assert uptake("I see.", ["the", "and I"]) is None
    assert uptake("I see.", []) is None


def test_a_word_that_two_causes_share_counts_once():
    assert uptake("What a party.", ["party", "parties", "friends"]) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("As an AI, I do not feel.", True),
        ("I’m just a language model.", True),
        ("I'm sorry, but I can't help with that.", True),
        ("How may I assist you today?", True),
        ("I'm sorry, but you did your best.", False),
        ("I am an aide at a school.", False),
        ("She can't sing as an airline pilot.", False),
    ],
)
def test_a_machine_is_heard(reply: str, found: bool):
    assert speaks_as_ai(reply) is found


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("My dog was everything.", True),
        ("Your dog was everything.", False),
        ("I cried all night. We buried him.", True),
        ("I cried all night. Did you?", True),
        ("I cried once. That is hard. How old was he?", False),
        ("I am so sorry.", False),
        ("I hope it gets better.", False),
        ("I know how you feel.", False),
        ("Oh no!", False),
        ("", False),
    ],
)
def test_a_reply_that_speaks_as_the_person_is_heard(reply: str, found: bool):
    assert speaks_as_person(reply, SAID) is found


def test_only_what_the_person_owns_is_taken_over():
    assert not speaks_as_person("Oh my goodness, you poor thing.", SAID)
    assert speaks_as_person("Our oldest, what will you do?", SAID)
