from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hef.contract import ModelError, SetupError
from hef.graph import HefContext, create_hef, open_store
from hef.memory import list_turns
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore


def talk(hef: Any, text: str, user: str, thread: str, **settings: Any) -> Any:
    return hef.invoke(
        {"messages": [HumanMessage(text)]},
        {"configurable": {"thread_id": thread}},
        context=HefContext(user_id=user, **settings),
    )


def test_the_next_conversation_recalls_what_the_same_person_said(tmp_path: Path, scripted: Any) -> None:
    model = scripted("sad", "I am sorry.", "joyful", "Lovely.", "sad", "How is Bello missed?")
    store = open_store(tmp_path)
    hef = create_hef(model=model).compile(store=store)
    talk(hef, "My dog Bello died last night.", "ana", "monday")
    talk(hef, "I got a new job at the bank!", "ana", "tuesday")
    store.close()

    hef = create_hef(model=model).compile(store=open_store(tmp_path))
    out = talk(hef, "I keep thinking of my dog.", "ana", "friday", memory_limit=1)

    assert len(out["empathy"].memories) == 1
    assert 'Earlier, the speaker said: "My dog Bello died last night." (felt ' in model.prompts[-1][-1].text
    assert "bank" not in model.prompts[-1][-1].text


def test_nobody_recalls_what_another_person_said(tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=open_store(tmp_path))
    talk(hef, "My dog died.", "ana", "one")

    assert talk(hef, "My dog died.", "ben", "two")["empathy"].memories == ()


@pytest.mark.parametrize("user", ["a.b@c.d", "../../etc/passwd", "a/b", "x" * 500, "ünï 😀", "hef", "*"])
def test_any_user_id_has_a_memory_of_its_own(user: str, tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=open_store(tmp_path))

    talk(hef, "My dog died.", user, "one")
    out = talk(hef, "I miss my dog.", user, "two")

    assert len(out["empathy"].memories) == 1
    assert out["empathy"].degraded is None


def test_without_a_user_nothing_is_stored(tmp_path: Path, scripted: Any) -> None:
    store = open_store(tmp_path)

    create_hef(model=scripted("sad", "I am sorry.")).compile(store=store).invoke(
        {"messages": [HumanMessage("My dog died.")]}
    )

    assert store.search(()) == []


@pytest.mark.parametrize("user", [7, UUID(int=7)])
def test_a_person_known_by_a_number_has_a_memory_and_reads_no_other(user: Any, scripted: Any) -> None:
    store = InMemoryStore()
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    talk(hef, "My dog died.", "victim", "one")
    config = {"configurable": {"thread_id": "two", "user_id": "victim"}}

    for said in ("I miss my dog.", "I keep thinking of my dog."):
        out = hef.invoke({"messages": [HumanMessage(said)]}, config, context={"user_id": user})

    (memory,) = out["empathy"].memories
    assert {turn.id: turn.text for turn in list_turns(store, str(user))}[memory] == "I miss my dog."
    assert [turn.text for turn in list_turns(store, "victim")] == ["My dog died."]


@pytest.mark.parametrize("user", ["", 1.5, ["ana"]])
def test_a_run_whose_person_is_unclear_is_refused(user: Any, scripted: Any) -> None:
    hef: Any = create_hef(model=scripted("sad", "I am sorry."), context_schema=dict).compile(store=InMemoryStore())
    said = {"messages": [HumanMessage("My dog died.")]}

    for config, context in (({}, {"user_id": user}), ({"configurable": {"user_id": user}}, {})):
        with pytest.raises(SetupError, match="user_id is"):
            hef.invoke(said, config, context=context)


def test_remember_off_recalls_but_stores_nothing(tmp_path: Path, scripted: Any) -> None:
    store = open_store(tmp_path)
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    talk(hef, "My dog died.", "ana", "one")

    out = talk(hef, "I miss my dog.", "ana", "two", remember=False)

    assert len(out["empathy"].memories) == 1
    assert len(store.search(("hef",))) == 1


def test_what_is_remembered_of_a_turn(scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store, checkpointer=InMemorySaver())
    talk(hef, "My dog Bello died last night.", "ana", "monday")

    out = talk(hef, "I keep crying.", "ana", "monday")

    last, first = list_turns(store, "ana")
    empathy = out["empathy"]
    assert (last.text, last.reply, last.thread, last.turn) == ("I keep crying.", "I am sorry.", "monday", 2)
    assert (last.emotion, last.causes) == (empathy.emotion, tuple(cause.text for cause in empathy.causes))
    assert last.probability == pytest.approx(empathy.distribution[empathy.emotion], abs=1e-6)
    assert (first.text, first.turn) == ("My dog Bello died last night.", 1)
    assert 0 < first.time <= last.time


@pytest.mark.parametrize("node", ["recall", "draft_response", "remember"])
def test_a_turn_that_is_replayed_is_stored_once(node: str, scripted: Any) -> None:
    store = InMemoryStore()
    builder = create_hef(model=scripted("sad", "I am sorry."))
    hef: Any = builder.compile(store=store, checkpointer=InMemorySaver())
    talk(hef, "My dog died.", "ana", "monday")
    (before,) = list_turns(store, "ana")
    thread: Any = {"configurable": {"thread_id": "monday"}}
    (state,) = [snapshot for snapshot in hef.get_state_history(thread) if node in snapshot.next]

    hef.invoke(None, state.config, context=HefContext(user_id="ana"))

    (after,) = list_turns(store, "ana")
    assert (after.id, after.text, after.turn) == (before.id, before.text, 1)
    assert abs(after.time - before.time) < 1


def test_a_turn_that_the_host_tries_again_is_stored_once(scripted: Any) -> None:
    store, thread = InMemoryStore(), {"configurable": {"thread_id": "monday"}}
    script = ["sad", ModelError("the server is down"), *["sad", "I am sorry."] * 2]
    hef: Any = create_hef(model=scripted(*script)).compile(store=store)
    message = HumanMessage("My dog died.")
    with pytest.raises(ModelError):
        hef.invoke({"messages": [message]}, thread, context=HefContext(user_id="ana"))
    for _ in range(2):
        hef.invoke({"messages": [message]}, thread, context=HefContext(user_id="ana"))

    assert [memory.text for memory in list_turns(store, "ana")] == ["My dog died."]


def test_turns_of_this_thread_come_back_once_they_fell_out_of_the_prompt(scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store, checkpointer=InMemorySaver())
    talk(hef, "My dog Bello died last night.", "ana", "monday")

    near = talk(hef, "I miss my dog Bello.", "ana", "monday")
    talk(hef, "Today I cleaned the whole flat, " + "and then I cleaned it once more " * 8, "ana", "monday")
    far = talk(hef, "My dog Bello died and I miss him.", "ana", "monday", dialogue_limit=200)

    first = {memory.turn: memory.id for memory in list_turns(store, "ana")}[1]
    assert near["empathy"].memories == ()
    assert first in far["empathy"].memories


def test_the_draft_is_shown_no_more_memories_than_the_budget_allows(scripted: Any) -> None:
    store = InMemoryStore()
    model = scripted("sad", "I am sorry.")
    hef = create_hef(model=model).compile(store=store)
    for place, said in enumerate(["My dog died.", "My dog was brown.", "We buried my dog under the tree."]):
        talk(hef, said, "ana", f"thread {place}")

    found = {
        budget: len(talk(hef, "my dog", "ana", "now", memory_budget=budget, remember=False)["empathy"].memories)
        for budget in (0, 20, 400)
    }

    assert found == {0: 0, 20: 1, 400: 3}


def test_the_weights_of_the_context_are_the_weights_of_recall(scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    for place, said in enumerate(["My dog died.", "The weather is fine."]):
        talk(hef, said, "ana", f"thread {place}")
    recency = {"similarity": 0, "lexical": 0, "length": 0, "recency": 1, "emotion": 0, "half_life_days": 1e-6}

    found = talk(hef, "my dog died", "ana", "now", memory_limit=1, memory_weights=recency, remember=False)

    newest, oldest = list_turns(store, "ana")
    assert found["empathy"].memories == (newest.id,)
    found = talk(hef, "my dog died", "ana", "now", memory_limit=1, remember=False)
    assert found["empathy"].memories == (oldest.id,)
