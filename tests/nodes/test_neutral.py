"""Turns without a feeling, and turns in a script that the SEM does not read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hef.contract import Turn
from hef.graph import HefContext, create_hef
from hef.prompts import empathy_note
from langchain_core.messages import HumanMessage
from scripted_chat import StructuredChat
from synthetic import SyntheticSem

QUESTION = "What time is it in Tokyo if it is noon in London?"
ALWAYS = HefContext(ask="always")


def turn(model: Any, text: str = QUESTION, context: HefContext = ALWAYS) -> Any:
    return create_hef(model=model).compile().invoke({"messages": [HumanMessage(text)]}, context=context)["empathy"]


@pytest.mark.parametrize("answer", ["none", "None.", '"none"', "**none**"])
def test_an_llm_that_finds_no_feeling_is_asked_once_and_not_told_a_feeling(answer: str, scripted: Any) -> None:
    model = scripted(answer, "Nine in the evening.")

    empathy = turn(model)

    assert (empathy.uncertain, empathy.degraded, empathy.hypothesis) == (True, None, None)
    assert len(model.prompts) == 2
    assert [message.text for message in model.prompts[1]] == ["You are a warm, attentive friend.", QUESTION]


def test_structured_output_may_find_no_feeling() -> None:
    model = StructuredChat(script=[{"emotion": "none", "hypothesis": "none"}, "Nine in the evening."])

    empathy = turn(model)

    assert empathy.uncertain
    assert len(model.prompts) == 2


def test_of_a_feeling_that_the_sem_is_sure_of_the_model_is_told_whatever_the_llm_says(scripted: Any) -> None:
    model = scripted("none", "I am so sorry.")

    empathy = turn(model, "My dog died last night and I cannot stop crying.")

    assert (empathy.emotion, empathy.uncertain) == ("sad", False)
    assert "most likely first: sad" in model.prompts[1][0].text


def test_none_of_these_answers_no_question_about_the_primary_emotions(scripted: Any) -> None:
    model = scripted("none", "proud", "Well done.")

    empathy = turn(model, context=HefContext(ask="always", first_question="primary", max_requeries=0))

    assert empathy.hypothesis == "proud"


def test_what_hardly_anything_speaks_for_is_uncertain(scripted: Any) -> None:
    assert turn(scripted("Hello."), "hello", HefContext(strategy="sem_only")).uncertain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("내 개가 어젯밤에 죽었어.", "most likely first: devastated"),
        ("Моя собака вчера умерла.", "most likely first: devastated"),
        ("昨日、犬が死んだ。", "most likely first: devastated"),
    ],
)
def test_a_text_in_another_script_is_read_by_the_llm_alone(text: str, told: str, scripted: Any) -> None:
    model = scripted("devastated", "I hear you.")

    empathy = turn(model, text)

    assert (empathy.emotion, empathy.sem, empathy.uncertain) == ("devastated", None, False)
    assert empathy.degraded == "the SEM was not trained on this script: it was left to the LLM"
    assert told in model.prompts[-1][0].text


def test_the_shipped_sem_reads_chinese_and_the_note_is_in_chinese(scripted: Any) -> None:
    model = scripted("devastated", "我在听。")

    empathy = turn(model, "我的狗昨晚死了。")

    assert (empathy.sem, empathy.uncertain, empathy.degraded) == ("minilm", False, None)
    assert empathy.emotion in ("sad", "devastated")
    assert {"狗", "死"} <= set("".join(cause.text for cause in empathy.causes))
    assert "最可能的排在前面" in model.prompts[-1][0].text


def test_where_the_llm_cannot_read_it_either_the_sem_guesses_and_nobody_is_told(scripted: Any) -> None:
    model = scripted("none", "I hear you.")

    empathy = turn(model, "Моя собака вчера умерла.")

    assert (empathy.sem, empathy.uncertain) == ("minilm", True)
    assert "feels" not in model.prompts[-1][0].text


def test_the_note_for_an_agent_tells_no_uncertain_feeling(scripted: Any) -> None:
    empathy = turn(scripted("none", "Nine."))

    assert empathy_note(empathy) == ""


def test_of_such_a_guess_nobody_is_told_however_sure_the_sem_is(scripted: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hef.nodes.fine_emotion.NEUTRAL_BELOW", 0.0)
    monkeypatch.setattr("hef.nodes.fine_emotion.UNCERTAIN_BELOW", 0.0)
    monkeypatch.setattr("hef.contract.empathy.NEUTRAL_FROM", 1.1)

    assert not turn(scripted("none", "Nine.")).uncertain
    assert turn(scripted("none", "I hear you."), "Моя собака вчера умерла.").uncertain


@pytest.mark.parametrize("languages", [("mul",), ("zh",), ("en", "zh")])
def test_a_sem_that_may_read_the_script_is_heard(languages: tuple[str, ...], scripted: Any) -> None:
    class HostSem(SyntheticSem):
        description = replace(SyntheticSem.description, languages=languages)

        def read(self, dialogues: Any, *, views: Any = None) -> Any:
            return super().read([[Turn("speaker", "Sentence 0.")] for _ in dialogues], views=views)

    hef = create_hef(model=scripted("devastated", "devastated", "I hear you."), sem=HostSem(1)).compile()

    empathy = hef.invoke({"messages": [HumanMessage("我的狗昨晚死了。")]}, context=ALWAYS)["empathy"]

    assert (empathy.sem, empathy.degraded) == (HostSem.description.name, None)


def test_without_an_llm_the_guess_about_another_script_is_uncertain(scripted: Any) -> None:
    empathy = turn(scripted("I hear you."), "Моя собака вчера умерла.", HefContext(strategy="sem_only"))

    assert (empathy.sem, empathy.uncertain) == ("minilm", True)
    assert empathy.degraded == "the SEM was not trained on this script: the emotion is a guess"
