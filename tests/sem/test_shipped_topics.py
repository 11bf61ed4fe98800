"""What the shipped SEM says of changes of topic and of turns in which nothing is felt."""

from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.sem import OnnxSem
from hef.sem.registry import SHIPPED

STORY = [
    Turn("speaker", "My dog died last night and I can't stop crying."),
    Turn("listener", "I am so sorry. How old was he?"),
    Turn("speaker", "He was twelve. I had him since I was a child."),
    Turn("listener", "That must hurt a lot."),
]
NEWS = Turn("speaker", "By the way, my daughter graduated from college with honors today, I'm so proud of her!")


@pytest.fixture(scope="module")
def sem() -> OnnxSem:
    return OnnxSem(SHIPPED, threads=1)


def test_a_turn_that_opens_a_topic_is_read_alone_and_its_causes_have_their_place(sem: OnnxSem) -> None:
    (reading,) = sem.read([[*STORY, NEWS]])
    assert (reading.ranked[0], reading.topic_turns) == ("proud", (4,))
    (causes,) = sem.causes([[*STORY, NEWS]], ["proud"])
    assert {cause.turn for cause in causes} == {4}
    assert all(NEWS.text[cause.start : cause.end] == cause.text for cause in causes)


def test_a_story_that_goes_on_is_read_whole(sem: OnnxSem) -> None:
    dialogue = [*STORY, Turn("speaker", "It does. The house is so quiet without him.")]
    (reading,) = sem.read([dialogue])
    assert reading.topic_turns is None
    assert reading.ranked[0] in ("sad", "lonely", "devastated")


@pytest.mark.parametrize("text", ["hello", "What time is it there?", "你那边现在几点了？"])
def test_nothing_is_felt_in_a_greeting_or_a_plain_question(text: str, sem: OnnxSem) -> None:
    assert (sem.read([[Turn("speaker", text)]])[0].neutral or 0) > 0.5


@pytest.mark.parametrize("text", ["My dog died last night.", "我家的狗昨天晚上死了，我真的好难过。"])
def test_something_is_felt_in_both_languages(text: str, sem: OnnxSem) -> None:
    reading = sem.read([[Turn("speaker", text)]])[0]
    assert (reading.neutral if reading.neutral is not None else 1) < 0.5
    assert reading.ranked[0] in ("sad", "devastated")


def test_a_chinese_memory_is_found_by_an_english_question(sem: OnnxSem) -> None:
    texts = ["我家的狗昨天晚上死了。", "我女儿考上大学了！", "老板今天又骂我。"]
    question, *memories = sem.embed(["My dog died.", *texts])
    scores = [sum(a * b for a, b in zip(question, memory, strict=True)) for memory in memories]
    assert scores.index(max(scores)) == 0
