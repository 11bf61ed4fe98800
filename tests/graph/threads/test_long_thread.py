"""A thread that is longer than anybody reads: the same turn, with its places counted from the beginning."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hef.contract import SetupError
from hef.contract.settings.dialogue_limit import QUESTION_CHARACTERS
from hef.graph import HefContext, create_hef, trim_history
from hef.nodes.support.transcript import MAX_TURNS, to_dialogue
from hef.prompts import newest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

BEFORE = [kind(f"We spoke of this and that, number {n}.") for n in range(200) for kind in (HumanMessage, AIMessage)]


def test_causes_memories_and_what_was_not_read_are_counted_from_the_beginning(scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    said = HumanMessage("My dog Bello died last night, and I cannot stop crying.")

    out = hef.invoke({"messages": [*BEFORE, said]}, context=HefContext(user_id="ana"))

    (cause, *_) = out["empathy"].causes
    assert cause.turn == len(BEFORE)
    assert said.text[cause.start : cause.end] == cause.text
    (item,) = store.search(("hef",))
    assert item.value["turn"] == len(BEFORE) // 2 + 1
    dialogue = to_dialogue([*BEFORE, said])
    _, unseen = newest(dialogue, QUESTION_CHARACTERS)
    assert 0 < len(BEFORE) - MAX_TURNS < unseen
    assert re.findall(r"(\d+) turns", out["empathy"].degraded or "") == [str(unseen)]


@pytest.mark.parametrize(
    "said",
    ["x" * 50_000, "My dog died. " + "z" * 50_000, "word " * 10_000 + "my dog Bello died", "我的狗" * 20_000],
    ids=["one word", "a word at the end", "words", "without spaces"],
)
def test_no_prompt_quotes_more_of_the_dialogue_than_its_limit(said: str, scripted: Any) -> None:
    model = scripted("none, proud", "none, proud", "I am sorry.")
    messages = [*BEFORE[:4], HumanMessage(said)]

    out = create_hef(model=model).compile().invoke({"messages": messages}, context=HefContext(dialogue_limit=2000))

    # What is around the dialogue, with what is quoted of it, has less than 1,500 characters.
    assert max(sum(len(message.text) for message in prompt) for prompt in model.prompts) < 2000 + 1500
    assert all(said[cause.start : cause.end] == cause.text for cause in out["empathy"].causes)
    assert {cause.turn for cause in out["empathy"].causes} <= {4}


def test_causes_come_from_the_turns_that_the_llm_is_shown(scripted: Any) -> None:
    messages = [HumanMessage("My dog Bello died."), AIMessage("Oh no. " * 30), HumanMessage("I cannot stop crying.")]
    limited = create_hef(model=scripted("sad", "I am sorry.")).compile()

    causes = limited.invoke({"messages": messages}, context=HefContext(dialogue_limit=200))["empathy"].causes

    assert causes
    assert all(messages[2].text[cause.start : cause.end] == cause.text for cause in causes)
    assert {cause.turn for cause in causes} == {2}


def test_what_is_said_before_the_reach_changes_nothing(scripted: Any) -> None:
    said = HumanMessage("My dog Bello died last night, and I cannot stop crying.")
    outs = []
    for before in (BEFORE, [HumanMessage("I won the lottery!"), *BEFORE[1:]]):
        hef = create_hef(model=scripted("sad", "I am sorry.")).compile()
        outs.append(hef.invoke({"messages": [*before, said]})["empathy"])
    assert outs[0] == outs[1]


def test_a_trimmed_thread_keeps_its_newest_messages_and_the_memory_every_turn(scripted: Any) -> None:
    store, config = InMemoryStore(), {"configurable": {"thread_id": "t", "user_id": "ana"}}
    builder = trim_history(create_hef(model=scripted("sad", "I am sorry.")), 4)
    hef: Any = builder.compile(checkpointer=InMemorySaver(), store=store)

    outs = [hef.invoke({"messages": [HumanMessage(f"My dog number {n} died.")]}, config) for n in range(4)]

    assert [len(out["messages"]) for out in outs] == [2, 4, 4, 4]
    assert outs[-1]["messages"][-2].text == "My dog number 3 died."
    assert outs[-1]["messages"][-1].text == "I am sorry."
    assert hef.get_state(config).tasks == ()
    assert {item.value["text"] for item in store.search(("hef",))} == {f"My dog number {n} died." for n in range(4)}


def test_a_thread_cannot_keep_less_than_a_turn(scripted: Any) -> None:
    with pytest.raises(SetupError, match="at least 2"):
        trim_history(create_hef(model=scripted("x")), 1)
