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
