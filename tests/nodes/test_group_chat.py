"""Several people in one conversation: who spoke last is read, and danger is looked for in what anybody said."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Safety
from hef.graph import HefContext, create_hef
from hef.nodes.support.transcript import spoken_parts
from langchain_core.messages import AIMessage, HumanMessage
from two_calls import HostedChat, TwoCallChat

SEM_ALONE = HefContext(strategy="sem_only")
ANA = HumanMessage("My mother died this morning, I can't stop crying.", name="Ana")
BOB = HumanMessage("I just got engaged, best day of my life!!", name="Bob")


def read(*messages: Any, **arguments: Any) -> Any:
    hef = create_hef(model=TwoCallChat(), **{"safety": None, **arguments}).compile()
    return hef.invoke({"messages": list(messages)}, context=SEM_ALONE)["empathy"]


def test_the_emotion_is_that_of_who_spoke_last() -> None:
    assert read(ANA, BOB).emotion == read(BOB).emotion
    assert read(BOB, ANA).emotion == read(ANA).emotion


def test_what_others_said_after_an_earlier_reply_is_not_theirs_either() -> None:
    before = [BOB, AIMessage("Congratulations!"), HumanMessage("So happy for you, Bob.", name="Cleo")]
    assert read(*before, ANA).emotion == read(ANA).emotion


@pytest.mark.parametrize("before", [[], [HumanMessage("Hello everybody.", name="Cleo"), AIMessage("Hi Cleo.")]])
def test_cause_words_are_where_they_were_said(before: list[Any]) -> None:
    causes = read(*before, ANA, BOB).causes
    merged = f"{ANA.text}\n{BOB.text}"
    assert causes
    assert {cause.turn for cause in causes} == {len(before)}
    assert all(merged[cause.start : cause.end] == cause.text for cause in causes)
    assert all(cause.start > len(ANA.text) for cause in causes)


def test_the_llm_is_asked_about_who_spoke_last() -> None:
    model = TwoCallChat(judgement="joyful")
    asked: list[str] = []

    class Asked(TwoCallChat):
        def _begin(self, messages: Any) -> Any:
            asked.append("\n".join(str(message.text) for message in messages))
            return super()._begin(messages)

    create_hef(model=Asked(**model.model_dump(include={"judgement"})), safety=None).compile().invoke(
        {"messages": [ANA, BOB]}, context=HefContext(ask="always")
    )
    assert f"Listener: {ANA.text}" in asked[0]
    assert f"Speaker: {BOB.text}" in asked[0]


def test_the_reply_is_to_all_of_them_by_their_names() -> None:
    model = HostedChat(judgement="joyful")
    create_hef(model=model, safety=None).compile().invoke({"messages": [ANA, BOB]})
    said = [(message.type, message.text) for message in model.prompts[-1][1:]]
    assert said == [("human", f"Ana: {ANA.text}"), ("human", f"Bob: {BOB.text}")]


def test_danger_is_seen_whoever_said_it() -> None:
    heard: list[str] = []

    def check(turns: Any) -> Safety:
        heard.append(turns[-1].text)
        return Safety()

    read(HumanMessage("I want to kill myself.", name="Ana"), HumanMessage("lol", name="Bob"), safety=check)
    assert heard[0] == "I want to kill myself.\nlol"


def test_one_person_with_a_name_is_read_as_one_without() -> None:
    assert spoken_parts([ANA, AIMessage("Oh."), HumanMessage("Yes.", name="Ana"), HumanMessage("She did.")], 3) == []
    assert spoken_parts([HumanMessage("Hi."), HumanMessage("Yes.", name="Ana")], 1) == []
    assert spoken_parts([HumanMessage("Hi.", name="Ana"), HumanMessage("Yes.")], 1) == []
