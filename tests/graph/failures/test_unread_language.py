"""A language that the SEM does not read: the LLM decides, and only its quotation is a cause."""

from __future__ import annotations

import pytest
from hef.graph import HefContext, create_hef
from langchain_core.messages import HumanMessage
from two_calls import HostedChat, TwoCallChat

UNREAD = [
    "昨日、犬が死んでしまった。とても悲しい。",
    "Mi perro murió anoche y no puedo dejar de llorar.",
    "Мой пёс умер вчера.",
]


@pytest.mark.parametrize("text", UNREAD)
def test_there_are_no_cause_words_of_a_sem_that_does_not_read_them(text: str) -> None:
    out = create_hef(model=TwoCallChat(), safety=None).compile().invoke({"messages": [HumanMessage(text)]})
    assert (out["empathy"].emotion, out["empathy"].causes) == ("sad", ())


def test_what_the_llm_quotes_is_the_cause() -> None:
    said = "Mi perro murió anoche y no puedo dejar de llorar."
    model = HostedChat(line="sad: Mi perro murió")
    hef = create_hef(model=model, safety=None).compile()
    out = hef.invoke({"messages": [HumanMessage(said)]}, context=HefContext())
    assert [cause.text for cause in out["empathy"].causes] == ["Mi perro murió"]
