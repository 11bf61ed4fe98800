from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.safety import assess

QUESTION = "Do you think of ending your life?"


def level(*texts: str) -> str:
    """Return the level of a dialogue whose last turn is the person's."""
    roles = ["speaker" if (len(texts) - i) % 2 else "listener" for i in range(len(texts))]
    return assess([Turn(role, text) for role, text in zip(roles, texts, strict=True)]).level  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ["yes", "Yeah, every day", "i do", "kind of", "mhm"])
def test_a_yes_to_the_question_is_danger(answer: str) -> None:
    assert level("i feel empty", QUESTION, answer) == "danger"


@pytest.mark.parametrize("answer", ["no", "Nope!", "not at all", "god no"])
def test_a_no_to_the_question_is_not(answer: str) -> None:
    assert level("rough day", QUESTION, answer) == "none"


def test_a_yes_to_another_question_is_nothing() -> None:
    assert level("rough day", "Do you want some tea?", "yes") == "none"


def test_answers_are_read_in_chinese() -> None:
    assert level("今天很累", "你是想结束自己的生命吗？", "嗯") == "danger"
    assert level("今天很累", "你有想过自杀吗？", "没有") == "none"


def test_a_no_after_danger_stays_a_concern() -> None:
    assert level("I want to kill myself", "Are you going to kill yourself tonight?", "no") == "concern"


def test_no_answer_after_danger_is_a_concern() -> None:
    assert level("I want to kill myself", "Are you thinking of suicide right now?", "whatever") == "concern"


def test_not_being_safe_after_danger_is_danger() -> None:
    assert level("I want to kill myself", "Are you safe?", "not really") == "danger"


def test_the_conversation_goes_on_when_the_person_is_safe() -> None:
    assert level("I want to kill myself", "Is somebody with you?", "I'm safe now, my sister is here") == "none"


def test_what_is_only_said_in_part_counts_where_the_talk_is_about_danger() -> None:
    assert level("I want to die", "Where are the pills?", "i already took them") == "danger"
    assert level("my vitamins are here", "Nice!", "i already took them") == "none"


SAID, ASKED = "I am going to kill myself tonight.", "Are you safe right now?"
ZH_SAID, ZH_ASKED = "我今晚要自杀", "你现在安全吗？"


@pytest.mark.parametrize(
    "turns",
    [
        (SAID, ASKED, "No, I'm not safe here"),
        (SAID, ASKED, "I don't feel safe"),
        (SAID, "Who is with you?", "I am not safe"),
        (SAID, ASKED, "not really"),
        (ZH_SAID, ZH_ASKED, "不，我不是在安全的地方，我拿着刀"),
        (ZH_SAID, ZH_ASKED, "我不觉得现在安全了"),
        (ZH_SAID, ZH_ASKED, "不安全"),
    ],
)
def test_who_says_after_danger_that_they_are_not_safe_is_in_danger(turns: tuple[str, ...]) -> None:
    assert level(*turns) == "danger"


@pytest.mark.parametrize(
    "turns",
    [
        (SAID, ASKED, "Sure."),
        (SAID, ASKED, "sure, my sister is here"),
        (SAID, ASKED, "Yes, I'm safe now"),
        (SAID, "When will your sister get to you?", "Tomorrow"),
        (SAID, "When can you call 988?", "now"),
        (ZH_SAID, ZH_ASKED, "我现在安全了，谢谢"),
        (ZH_SAID, "你妈妈什么时候到？", "今晚"),
    ],
)
def test_who_says_that_they_are_safe_or_takes_help_is_no_longer_in_danger(turns: tuple[str, ...]) -> None:
    assert level(*turns) != "danger"


@pytest.mark.parametrize(
    "text",
    [
        "I got fired from my new job. I want to die.",
        "My visa was refused. I don't want to be alive anymore.",
        "At the airport. I don't want to live anymore.",
        "I threw my phone away and want to kill myself",
        "No! My marriage. I want to die.",
        "我离职了，再见了，下辈子见",
        "医生开的安眠药我全吃了",
        "梦到我自杀了，醒来还是想自杀",
        "I just finished a ranked match and I don't want to live, I'm jumping off the roof tonight",
    ],
)
def test_an_everyday_word_takes_no_danger_away(text: str) -> None:
    assert level(text) == "danger"
