from __future__ import annotations

import pytest
from hef.safety.english_tokens import tokenize
from hef.safety.tagged_text import MAX_SENTENCE_TOKENS, Lexicon, expand_phrase, split_sentences


def one(part: str) -> list[tuple[str, ...]]:
    return [(part,)]


def test_a_phrase_stands_for_all_its_readings() -> None:
    assert expand_phrase("take my [own] (life|lives now)", one) == [
        ("take", "my", "own", "life"),
        ("take", "my", "own", "lives", "now"),
        ("take", "my", "life"),
        ("take", "my", "lives", "now"),
    ]


@pytest.mark.parametrize("phrase", ["take (my", "take my)", "[take"])
def test_a_phrase_whose_brackets_do_not_match_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        expand_phrase(phrase, one)


def test_the_longest_phrase_is_tagged() -> None:
    lexicon = Lexicon()
    lexicon.add(("kill",), "KILL")
    lexicon.add(("kill", "myself"), "ACT")
    assert lexicon.tag(tokenize("kill myself or kill")).symbols == ["ACT:kill_myself", "or", "KILL:kill"]


def test_a_second_lexicon_reads_the_tags_of_the_first() -> None:
    first, second = Lexicon(), Lexicon()
    first.add(("friend",), "KIN")
    second.add(("my", "KIN"), "PERSON")
    assert second.tag(first.tag(tokenize("my friend"))).symbols == ["PERSON:my_friend"]


def test_sentences_end_at_marks_and_are_never_endless() -> None:
    sentences = list(split_sentences(tokenize("one. two! " + "word " * 300)))
    assert [sentence.text for sentence in sentences[:2]] == ["one . ", "two ! "]
    assert max(len(sentence.starts) for sentence in sentences) == MAX_SENTENCE_TOKENS


def test_a_span_of_a_sentence_leads_back_to_the_text() -> None:
    text = "ok. i want to"
    sentence = list(split_sentences(tokenize(text)))[1]
    start, end = sentence.span(sentence.text.index("want"), sentence.text.index("to ") + 3)
    assert text[start:end] == "want to"
