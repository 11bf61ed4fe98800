"""What the shipped SEM says of changes of topic and of turns in which nothing is felt."""

from __future__ import annotations

import numpy as np
import pytest
from hef.contract import Turn
from hef.sem import OnnxSem
from hef.sem.registry import SHIPPED
from hef.sem.runtime.onnx_sem import CHANGED_SHARES, READING_SHARES

STORY = [
    Turn("speaker", "My dog died last night and I can't stop crying."),
    Turn("listener", "I am so sorry. How old was he?"),
    Turn("speaker", "He was twelve. I had him since I was a child."),
    Turn("listener", "That must hurt a lot."),
]
EGGS = [Turn("speaker", "how long do I boil eggs?"), Turn("listener", "About eight minutes for hard ones.")]
NEWS = Turn("speaker", "By the way, my daughter graduated from college with honors today, I'm so proud of her!")


@pytest.fixture(scope="module")
def sem() -> OnnxSem:
    return OnnxSem(SHIPPED, threads=1)


def test_a_turn_that_opens_a_topic_is_told_from_what_came_before_and_its_causes_have_their_place(sem: OnnxSem) -> None:
    chat = [*STORY, *EGGS, NEWS]
    (reading,) = sem.read([chat])
    assert reading.ranked[0] == "proud"
    assert 6 in (reading.topic_turns or ())
    assert not {0, 1, 3, 4} & set(reading.topic_turns or ())
    (causes,) = sem.causes([chat], ["proud"])
    assert causes[0].turn == 6
    assert {cause.turn for cause in causes} <= set(reading.topic_turns or ())
    assert all(cause.text in chat[cause.turn].text for cause in causes)


def test_news_right_after_a_sad_story_is_felt_as_it_is_told(sem: OnnxSem) -> None:
    assert sem.read([[*STORY, NEWS]])[0].ranked[0] == "proud"


def test_a_story_that_goes_on_is_read_whole(sem: OnnxSem) -> None:
    dialogue = [*STORY, Turn("speaker", "It does. The house is so quiet without him.")]
    (reading,) = sem.read([dialogue])
    assert reading.topic_turns is None
    assert reading.ranked[0] in ("sad", "lonely", "devastated")


def test_a_return_to_an_earlier_subject_is_felt_again(sem: OnnxSem) -> None:
    text = "I found his old collar under the sofa just now. I miss my dog so much."
    (reading,) = sem.read([[*STORY, *EGGS, Turn("speaker", text)]])
    assert {2, 6} <= set(reading.topic_turns or ())
    assert reading.ranked[0] in ("sad", "lonely", "devastated", "sentimental", "nostalgic")
    assert not reading.is_neutral


@pytest.mark.parametrize("text", ["hello", "What time is it there?", "你那边现在几点了？"])
def test_nothing_is_felt_in_a_greeting_or_a_plain_question(text: str, sem: OnnxSem) -> None:
    assert sem.read([[Turn("speaker", text)]])[0].is_neutral


@pytest.mark.parametrize(
    "request_",
    ["Tell me a story about the sea.", "ok thanks. can you write an email to my landlord?", "帮我写个请假条"],
)
def test_nothing_is_felt_in_a_request_after_a_sad_story(request_: str, sem: OnnxSem) -> None:
    assert sem.read([[*STORY, *EGGS, Turn("speaker", request_)]])[0].is_neutral


@pytest.mark.parametrize(
    "text", ["My dog died last night.", "我家的狗昨天晚上死了，我真的好难过。", "I got the job!! I can't believe it"]
)
def test_something_is_felt_in_both_languages(text: str, sem: OnnxSem) -> None:
    assert not sem.read([[Turn("speaker", text)]])[0].is_neutral


def test_a_chinese_memory_is_found_by_an_english_question(sem: OnnxSem) -> None:
    texts = ["我家的狗昨天晚上死了。", "我女儿考上大学了！", "老板今天又骂我。"]
    question, *memories = sem.embed(["My dog died.", *texts])
    scores = [sum(a * b for a, b in zip(question, memory, strict=True)) for memory in memories]
    assert scores.index(max(scores)) == 0


@pytest.mark.parametrize("dialogue", [STORY[:3], [*STORY, *EGGS, NEWS]])
def test_the_head_counts_more_where_the_subject_changed(sem: OnnxSem, dialogue: list[Turn]) -> None:
    topic = sem.read([dialogue])[0].topic_turns
    runner = sem._open()
    alone = [dialogue[turn] for turn in topic] if topic else dialogue
    ((head,),) = runner.run(runner.encode([dialogue]), "logits")
    (head_alone,), (trunk,) = runner.run(runner.encode([alone]), "logits", "trunk_logits")
    odds = np.exp(np.stack([head, head_alone, trunk]))
    shares = CHANGED_SHARES if topic else READING_SHARES

    expected = np.average(odds / odds.sum(axis=1, keepdims=True), axis=0, weights=shares)

    assert (topic is None) == (len(dialogue) == 3)
    assert np.allclose(np.exp(sem.logits([dialogue])[0]), expected, atol=1e-4)
    assert CHANGED_SHARES[0] > READING_SHARES[0]


TRADITIONAL = [
    ("我們家的貓昨天走了，整個房間都好安靜", "我们家的猫昨天走了，整个房间都好安静"),
    ("終於拿到錄取通知書了，開心到睡不著", "终于拿到录取通知书了，开心到睡不着"),
    ("他當著大家的面罵我，我氣到發抖", "他当着大家的面骂我，我气到发抖"),
]


@pytest.mark.parametrize(("traditional", "written_simply"), TRADITIONAL)
def test_traditional_characters_are_read_as_simplified_ones(
    sem: OnnxSem, traditional: str, written_simply: str
) -> None:
    reading, other = sem.read([[Turn("speaker", traditional)], [Turn("speaker", written_simply)]])
    assert max(reading.distribution, key=lambda label: reading.distribution[label]) == max(
        other.distribution, key=lambda label: other.distribution[label]
    )
    vectors = np.asarray(sem.embed([traditional, written_simply]))
    assert float(vectors[0] @ vectors[1]) > 0.98


@pytest.mark.parametrize("traditional", [pair[0] for pair in TRADITIONAL])
def test_its_cause_words_are_quoted_in_traditional_characters(sem: OnnxSem, traditional: str) -> None:
    turns = [Turn("speaker", traditional)]
    (causes,) = sem.causes([turns], ["sad"])
    assert causes
    assert all(traditional[cause.start : cause.end] == cause.text for cause in causes)
