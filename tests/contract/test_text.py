from __future__ import annotations

from itertools import pairwise
from math import exp, fsum
from time import process_time

import pytest
from hef.contract import Turn
from hef.contract.dialogue import Word
from hef.contract.text import (
    is_content_word,
    is_verb_form,
    matching_words,
    may_be_cause,
    split_clauses,
    word_spans,
)
from hef.sem.runtime.cause_ranking import candidates, rank, word_scores, word_tokens
from hef.sem.runtime.encoding import Encoded
from hypothesis import given, settings
from hypothesis import strategies as st

SCORED = st.lists(st.tuples(st.from_regex(r"[a-c]{1,2}", fullmatch=True), st.floats(-50, 50)), max_size=12)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


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
    spans = word_spans(text)

    assert all(start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_words_match_without_case_apostrophes_and_hyphens() -> None:
    assert matching_words("Don't! DON’T, dont") == ["dont"] * 3
    assert matching_words("Step-mother's 2 cats 😢") == ["step", "mothers", "2", "cats"]


def test_function_words_carry_no_content() -> None:
    assert not any(is_content_word(word) for word in ["the", "I", "DON'T", "don’t", "was"])
    assert all(is_content_word(word) for word in ["dog", "alone", "😢"])


def test_light_words_carry_no_content_and_may_be_causes_beside_others() -> None:
    assert not any(is_content_word(word) for word in ["not", "Myself", "got"])
    assert all(may_be_cause(word) for word in ["not", "Myself", "got", "dog", "😢"])
    assert not any(may_be_cause(word) for word in ["the", "I", "don’t", "was", "up"])


@pytest.mark.parametrize(("word", "expected"), [("passed", True), ("Broke", True), ("dog", False), ("red", False)])
def test_verb_forms(word: str, expected: bool) -> None:
    assert is_verb_form(word) is expected


def test_candidates_are_the_speakers_content_words() -> None:
    dialogue = [Turn("speaker", "My dog died."), Turn("listener", "Which breed?"), Turn("speaker", "A beagle")]

    found = [(word.turn, dialogue[word.turn].text[word.start : word.end]) for word in candidates(dialogue)]

    assert found == [(0, "dog"), (0, "died"), (2, "beagle")]


def test_light_words_are_candidates_on_request() -> None:
    dialogue = [Turn("speaker", "I did not get the job"), Turn("listener", "why not")]

    assert [dialogue[0].text[w.start : w.end] for w in candidates(dialogue)] == ["job"]
    assert [dialogue[0].text[w.start : w.end] for w in candidates(dialogue, light=True)] == ["not", "get", "job"]


def test_without_content_words_every_word_is_a_candidate() -> None:
    assert candidates([Turn("speaker", "I was")]) == [Word(0, 0, 1), Word(0, 2, 5)]


def test_without_a_speaker_the_listener_is_searched() -> None:
    assert candidates([Turn("listener", "the dog")]) == [Word(0, 4, 7)]


def test_causes_are_ranked_by_score_with_softmax_weights() -> None:
    dialogue = [Turn("speaker", "dog, died, night")]
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


def spans(text: str, scores: dict[str, float], limit: int = 5, *, phrases: bool = True) -> list[str]:
    dialogue = [Turn("speaker", text)]
    held = [word for word in candidates(dialogue) if text[word.start : word.end] in scores]
    found = rank(dialogue, held, [scores[text[word.start : word.end]] for word in held], limit, phrases=phrases)
    assert all(text[cause.start : cause.end] == cause.text for cause in found)
    return [cause.text for cause in found]


def test_verb_takes_its_particle_along() -> None:
    assert spans("My dog suddenly passed away.", {"dog": 2.0, "passed": 1.0}) == ["dog", "passed away"]
    assert spans("She broke \n up 💔", {"broke": 1.0}) == ["broke \n up"]
    assert spans("My dog up there", {"dog": 1.0}) == ["dog"]
    assert spans("He passed. Away!", {"passed": 1.0}) == ["passed"]


def test_particle_that_ranks_itself_is_not_named_twice() -> None:
    assert spans("He passed away in June", {"passed": 3.0, "June": 2.0, "away": 1.0}) == ["passed away", "June"]
    assert spans("He passed away in June", {"away": 3.0, "June": 2.0, "passed": 1.0}) == ["passed away", "June"]


def test_neighbours_that_rank_one_after_the_other_are_one_phrase() -> None:
    scores = {"lottery": 4.0, "ticket": 3.0, "friend": 2.0, "winning": 1.0}

    assert spans("friend found a winning lottery ticket", scores) == ["lottery ticket", "friend", "winning"]
    assert spans("friend found a winning lottery, ticket", scores)[:2] == ["lottery", "ticket"]
    assert spans("friend found a winning lottery ticket", scores, phrases=False) == [*scores]


def test_phrase_grows_word_by_word_and_keeps_the_weight_of_its_strongest() -> None:
    text = "our college graduation party rocked"
    dialogue = [Turn("speaker", text)]
    words_held = candidates(dialogue)

    (phrase,) = rank(dialogue, words_held[:3], [3.0, 2.0, 1.0], limit=4)

    assert phrase.text == "college graduation party"
    assert phrase.weight == pytest.approx(1 / (1 + exp(-1) + exp(-2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("前天在商场把儿子弄丢了十分钟", ["前天", "商场", "儿子", "弄", "丢", "十分钟"]),
        ("公司主动找我和解", ["公司", "主动", "找", "和解"]),
        ("突然想到小時候她都在門口等我", ["突然", "想到", "小時候", "門口"]),
        ("他對我這麼好，為什麼走", ["好", "走"]),
        ("我魂都飞了", ["魂", "飞"]),
        ("又要加班，my boss again", ["加班", "boss"]),
    ],
)
def test_chinese_candidates_are_words_without_function_words(text: str, expected: list[str]) -> None:
    words = candidates([Turn("speaker", text)])

    assert [text[word.start : word.end] for word in words] == expected


@pytest.mark.parametrize(
    ("text", "ranked", "expected"),
    [
        ("我去图书馆阳台哭", ["图书馆", "阳台", "哭"], ["图书馆阳台哭"]),
        ("手心全是汗 答辩", ["汗", "答辩", "手心"], ["汗", "答辩", "手心"]),  # a blank ends a phrase
        ("我怕被问住", ["问", "怕", "住"], ["问住", "怕"]),  # single characters, whatever stands between their ranks
        ("元宝早上没了", ["元宝", "早上", "没"], ["元宝早上", "没"]),
        (
            "业绩比赛第一名奖金",
            ["业绩", "比赛", "第一名", "奖金"],
            ["业绩比赛", "第一名奖金"],
        ),  # six characters at most
        ("my 菜", ["my", "菜"], ["my", "菜"]),
    ],
)
def test_chinese_words_that_rank_one_after_the_other_are_a_short_phrase(
    text: str, ranked: list[str], expected: list[str]
) -> None:
    dialogue = [Turn("speaker", text)]
    words = [Word(0, text.index(word), text.index(word) + len(word)) for word in ranked]

    causes = rank(dialogue, words, [float(-place) for place in range(len(words))], limit=5)

    assert [cause.text for cause in causes] == expected
    assert [text[cause.start : cause.end] for cause in causes] == expected


def test_words_of_two_turns_are_never_one_phrase() -> None:
    dialogue = [Turn("speaker", "dog"), Turn("speaker", "died")]

    assert [cause.text for cause in rank(dialogue, candidates(dialogue), [2.0, 1.0], limit=5)] == ["dog", "died"]


def test_word_scores_are_those_of_the_strongest_token() -> None:
    encoded = Encoded((1, 2, 3, 4), (0,) * 4, (None, (1, 0, 3), (1, 3, 6), None), truncated_turns=1)
    inside, outside = Word(1, 0, 6), Word(0, 0, 6)

    assert {word: list(own) for word, own in word_tokens(encoded, [outside, inside]).items()} == {inside: [1, 2]}
    assert word_scores(encoded, [outside, inside], [9.0, 0.5, 1.5, 9.0]) == {inside: 1.5}


@pytest.mark.parametrize(("unit", "offset"), [("a ", 0), ("the dog ", 0), ("\u6211 ", 7), ("\U0001f622", 3)], ids=ascii)
def test_the_words_of_a_long_turn_are_scored_in_linear_time(unit: str, offset: int) -> None:
    text = unit * (250_000 // len(unit))
    places = [Word(0, *span) for span in word_spans(text)]
    window = [(0, place, place + 1) for place in range(len(text) - 511 + offset, len(text))]
    encoded = Encoded((1,) * (len(window) + 1), (0,) * (len(window) + 1), (None, *window), truncated_turns=1)
    start = process_time()

    scores = word_scores(encoded, places, [float(index) for index in range(len(window) + 1)])

    assert process_time() - start < 2
    assert list(scores) == [place for place in places if place.end > window[0][1]]
    assert max(scores.values()) == scores[places[-1]]


@settings(deadline=None)
@given(SCORED, st.integers(0, 6))
def test_ranking_holds_for_any_scores(scored: list[tuple[str, float]], limit: int) -> None:
    dialogue = [Turn("speaker", " ".join(word for word, _ in scored))]
    places = [Word(0, *span) for span in word_spans(dialogue[0].text)]

    causes = rank(dialogue, places, [score for _, score in scored], limit)

    assert len(causes) <= limit
    assert len({cause.text for cause in causes}) == len(causes)
    assert [cause.weight for cause in causes] == sorted((cause.weight for cause in causes), reverse=True)
    assert fsum(cause.weight for cause in causes) <= 1 + 1e-9
    assert all(dialogue[0].text[cause.start : cause.end] == cause.text for cause in causes)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("My dog died... and I miss him!?  Nobody knew", ["My dog died", "and I miss him", "Nobody knew"]),
        ("It was late  –  we left because it rained", ["It was late", "we left", "it rained"]),
        ("v1.2 is out, at 3.5 dollars", ["v1.2 is out", "at 3.5 dollars"]),
        ("My dog died\nI found him  \n\nidk what to do", ["My dog died", "I found him", "idk what to do"]),
        ("one clause only", []),
    ],
)
def test_clauses_end_at_marks_before_a_blank_and_at_joining_words(text: str, clauses: list[str]) -> None:
    assert split_clauses(text)[: len(clauses)] == clauses


@pytest.mark.parametrize("run", [".", " ", "…", "–", " –", ".\u3000", "\t", "?!", "a.", "\n", "a\n"])
def test_a_long_run_is_split_in_linear_time(run: str) -> None:
    start = process_time()

    split_clauses("My dog died" + run * 50_000 + "x")

    assert process_time() - start < 1
