from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hef.contract import Memory, ModelError, SetupError
from hef.graph import HefContext, create_hef, create_reading_graph, open_store
from hef.memory import ChromaStore, list_turns, mark_turn, remember_turn
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import Op, Result, SearchOp
from langgraph.store.memory import InMemoryStore
from two_calls import HostedChat, TwoCallChat


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def talk(hef: Any, text: str, user: str, conversation: str, **settings: Any) -> Any:
    return hef.invoke(
        {"messages": [HumanMessage(text)]}, thread(conversation), context=HefContext(user_id=user, **settings)
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
    assert '(today) they said: "My dog Bello died last night." (felt ' in model.prompts[-1][0].text
    assert 'you answered: "I am sorry."' in model.prompts[-1][0].text
    assert "bank" not in model.prompts[-1][0].text


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
    assert last.emotion == empathy.emotion
    assert "died" in first.causes
    assert {"died", "dog Bello"} & {cause.text for cause in empathy.causes}
    assert all(cause in last.text for cause in last.causes), "another turn's words are stored with that turn"
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
    (state,) = [snapshot for snapshot in hef.get_state_history(thread("monday")) if node in snapshot.next]

    hef.invoke(None, state.config, context=HefContext(user_id="ana"))

    (after,) = list_turns(store, "ana")
    assert (after.id, after.text, after.turn) == (before.id, before.text, 1)
    assert abs(after.time - before.time) < 1


def test_a_turn_that_the_host_tries_again_is_stored_once(scripted: Any) -> None:
    store = InMemoryStore()
    script = ["sad", ModelError("the server is down"), *["sad", "I am sorry."] * 2]
    hef: Any = create_hef(model=scripted(*script)).compile(store=store)
    message = HumanMessage("My dog died.")
    with pytest.raises(ModelError):
        hef.invoke({"messages": [message]}, thread("monday"), context=HefContext(user_id="ana"))
    for _ in range(2):
        hef.invoke({"messages": [message]}, thread("monday"), context=HefContext(user_id="ana"))

    assert [memory.text for memory in list_turns(store, "ana")] == ["My dog died."]


BURST = ["My dog Bello died last night.", "I found him in the garden.", "idk what to do"]


class Searched(InMemoryStore):
    """Keeps what it was searched with."""

    queries: ClassVar[list[Any]] = []

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        ops = list(ops)
        self.queries += [op.query for op in ops if isinstance(op, SearchOp)]
        return super().batch(ops)


def test_all_that_was_said_since_the_last_reply_is_searched_with_shown_and_stored(scripted: Any) -> None:
    store, model = Searched(), scripted("sad", "I am sorry.")
    hef: Any = create_hef(model=model).compile(store=store)
    messages = [HumanMessage("Hi"), AIMessage("Hello"), *map(HumanMessage, BURST)]

    out = hef.invoke({"messages": messages}, thread("monday"), context=HefContext(user_id="ana"))

    (stored,) = list_turns(store, "ana")
    assert (stored.text, stored.turn) == ("\n".join(BURST), 2)
    assert stored.text in store.queries
    assert all(line in prompt[-1].text for line in BURST for prompt in model.prompts)
    assert out["empathy"].causes
    assert all((cause.turn, stored.text[cause.start : cause.end]) == (2, cause.text) for cause in out["empathy"].causes)
    assert talk(hef, "Yes.", "ana", "tuesday")["empathy"].memories == (stored.id,)


def test_a_saying_that_was_cancelled_is_stored_with_the_next_one(scripted: Any) -> None:
    store, script = InMemoryStore(), ["sad", ModelError("cancelled"), "sad", "I am sorry."]
    hef: Any = create_hef(model=scripted(*script)).compile(store=store, checkpointer=InMemorySaver())
    with pytest.raises(ModelError):
        talk(hef, BURST[0], "ana", "monday")

    talk(hef, BURST[1], "ana", "monday")

    assert [(memory.text, memory.turn) for memory in list_turns(store, "ana")] == [("\n".join(BURST[:2]), 1)]


@pytest.mark.parametrize(
    "after",
    [
        [HumanMessage("  ")],
        [HumanMessage([{"type": "image_url", "image_url": {"url": "data:"}}])],
        [AIMessage("Anything else?")],
        [SystemMessage("Be kind.")],
        [],
    ],
    ids=["blank", "photo", "reply", "system", "nothing"],
)
@pytest.mark.parametrize("said", [BURST[:1], BURST], ids=["first", "later"])
def test_a_saying_is_stored_once_whatever_is_sent_after_it(after: Any, said: list[str], scripted: Any) -> None:
    store = InMemoryStore()
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store, checkpointer=InMemorySaver())
    for text in said:
        talk(hef, text, "ana", "monday")
    before = list_turns(store, "ana")

    for _ in range(2):
        hef.invoke({"messages": after}, thread("monday"), context=HefContext(user_id="ana"))

    assert [memory.text for memory in before] == said[::-1]
    stored = {item.key: (item.value["text"], item.value["time"]) for item in store.search(("hef",))}
    assert stored == {memory.id: (memory.text, memory.time) for memory in before}


@pytest.mark.parametrize("config", [{"configurable": {"thread_id": "monday"}}, {}], ids=["thread", "no thread"])
def test_a_message_that_is_sent_again_under_its_id_is_stored_once(config: Any, scripted: Any) -> None:
    store = InMemoryStore()
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    first = [HumanMessage("My dog died.", id="1")]
    later = [*first, AIMessage("Oh no.", id="2"), HumanMessage("I keep crying.", id="3")]

    for messages in (first, first, later, [*later, AIMessage("Oh.", id="4"), later[-1]]):
        hef.invoke({"messages": messages}, config, context=HefContext(user_id="ana"))

    assert sorted(memory.text for memory in list_turns(store, "ana")) == ["I keep crying.", "My dog died."]


def test_a_host_without_ids_stores_a_regenerated_turn_once_and_the_same_words_later_anew(scripted: Any) -> None:
    store = InMemoryStore()
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    conversation = [("user", "I feel low."), ("ai", "Why?"), ("user", "I feel low."), ("ai", "Oh."), ("user", "Bye.")]

    for length in (1, 1, 3, 3, 5):
        hef.invoke({"messages": conversation[:length]}, thread("monday"), context=HefContext(user_id="ana"))

    turns = [(memory.turn, memory.text) for memory in list_turns(store, "ana")]
    assert sorted(turns) == [(1, "I feel low."), (2, "I feel low."), (3, "Bye.")]


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


@pytest.mark.parametrize("again", [HumanMessage([{"type": "image", "url": "https://x.example/a.png"}]), None])
def test_what_a_person_confirmed_stays_when_a_photo_or_the_same_turn_follows(again: Any, scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted("sad", "Oh.", "sad", "Oh.")).compile(store=store, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    ana = HefContext(user_id="ana")
    said = HumanMessage("My dog died last night.", id="m1")
    hef.invoke({"messages": [said]}, config, context=ana)
    (turn,) = list_turns(store, "ana")
    remember_turn(store, "ana", turn.model_copy(update={"emotion": "lonely", "probability": 1.0, "confirmed": True}))

    hef.invoke({"messages": [again or said]}, config, context=ana)

    (turn,) = list_turns(store, "ana")
    assert (turn.emotion, turn.probability, turn.confirmed) == ("lonely", 1.0, True)


def test_a_number_and_its_text_are_one_person(scripted: Any) -> None:
    store = InMemoryStore()
    hef = create_hef(model=scripted(*["sad", "Oh."] * 3)).compile(store=store)

    hef.invoke({"messages": [HumanMessage("My dog died.")]}, context={"user_id": 7})
    hef.invoke({"messages": [HumanMessage("I miss my dog.")]}, context=HefContext(user_id="7"))
    out = hef.invoke({"messages": [HumanMessage("My dog is gone.")]}, {"configurable": {"user_id": 7}})

    assert len(list_turns(store, "7")) == 3
    assert store.list_namespaces() == [("hef", "turns", "7")]
    assert len(out["empathy"].memories) == 2


def test_who_said_it_is_kept_and_told_when_it_is_recalled(scripted: Any) -> None:
    store, model = InMemoryStore(), scripted("sad", "I am sorry.", "sad", "Oh.")
    hef: Any = create_hef(model=model).compile(store=store)
    said = [HumanMessage("My dog Bello died.", name="Ana"), HumanMessage("Poor Bello.", name="Ben\n")]

    hef.invoke({"messages": said}, thread("monday"), context=HefContext(user_id="group"))
    hef.invoke({"messages": [HumanMessage("My dog Bello!")]}, thread("today"), context=HefContext(user_id="group"))

    assert {memory.name for memory in list_turns(store, "group")} == {"Ana, Ben", ""}
    assert 'Ana, Ben said: "My dog Bello died. Poor Bello."' in model.prompts[-1][0].text


@pytest.mark.parametrize(
    ("setting", "stated", "days", "fault"),
    [
        (None, [{}], None, False),
        (7, [{}], 7, False),
        (7, [{"remember_for": 30}], 30, False),
        (None, [{"remember_for": 2}, {"remember_for": 0.5}, {}], 0.5, False),
        (7, [{"remember_for": "soon"}], 7, True),
        (None, [{"remember_for": -1}, {"remember_for": True}], None, True),
    ],
)
def test_a_turn_is_kept_for_as_long_as_the_settings_or_its_messages_say(
    scripted: Any, setting: float | None, stated: list[dict[str, Any]], days: float | None, fault: bool
) -> None:
    store = InMemoryStore()
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    messages = [HumanMessage("My dog died.", additional_kwargs=kwargs) for kwargs in stated]

    out = hef.invoke({"messages": messages}, context=HefContext(user_id="ana", remember_for=setting))

    (turn,) = list_turns(store, "ana")
    assert turn.expires == (None if days is None else turn.time + 86_400 * days)
    assert ("remember_for" in (out["empathy"].degraded or "")) == fault


def test_a_pinned_turn_is_recalled_whatever_is_said_and_stays_pinned(scripted: Any) -> None:
    store, model = InMemoryStore(), scripted(*["sad", "I am sorry."] * 4)
    hef: Any = create_hef(model=model).compile(store=store)
    message = {"messages": [HumanMessage("I am allergic to nuts.", id="1")]}
    context = HefContext(user_id="ana", memory_limit=1)
    hef.invoke(message, thread("monday"), context=context)
    remember_turn(store, "ana", Memory(id="2", text="The train was late.", time=1.0))
    (nuts, _) = list_turns(store, "ana")
    mark_turn(store, "ana", nuts.id, pinned=True)
    hef.invoke(message, thread("monday"), context=context)

    out = hef.invoke({"messages": [HumanMessage("My train was late.")]}, thread("today"), context=context)

    assert out["empathy"].memories == (nuts.id, "2")
    assert {memory.id for memory in list_turns(store, "ana") if memory.pinned} == {nuts.id}
    narrow = context.model_copy(update={"memory_budget": 5})
    out = hef.invoke({"messages": [HumanMessage("My train was late.")]}, thread("later"), context=narrow)
    assert out["empathy"].memories == ()


def test_a_question_after_all_that_is_remembered_is_answered_from_memory(scripted: Any) -> None:
    store, model = InMemoryStore(), scripted("neutral", "You told me of Bello and of Lisbon.")
    hef: Any = create_hef(model=model).compile(store=store, checkpointer=InMemorySaver())
    told = ["My dog Bello died of cancer.", "My sister moved to Lisbon.", "My boss shouted at me on Monday."]
    for number, text in enumerate(told):
        remember_turn(store, "ana", Memory(id=str(number), text=text, time=1000.0 + number))

    out = talk(hef, "Hey! What do you remember about me?", "ana", "today", memory_limit=1)

    assert set(out["empathy"].memories) == {"0", "1", "2"}
    explanations = hef.get_state(thread("today")).values["explanations"]
    assert explanations["recall"].startswith("asked what is remembered, a spread of it: ")
    assert all(text in model.prompts[-1][0].text for text in told)


@pytest.mark.parametrize(
    ("model", "settings", "turns"),
    [
        (HostedChat(replies=[["I see."]]), {}, 10),
        (TwoCallChat(replies=[["I see."]]), {}, 3),
        (HostedChat(replies=[["I see."]]), {"memory_limit": 4}, 4),
        (HostedChat(replies=[["I see."]]), {"memory_budget": 55}, 4),
    ],
    ids=["hosted", "in this process", "a set limit", "a set budget"],
)
def test_a_hosted_llm_is_told_of_more_past_turns(model: Any, settings: dict[str, Any], turns: int) -> None:
    store = InMemoryStore()
    for number in range(14):
        text = f"My aunt {chr(97 + number) * 5} died."
        remember_turn(store, "ana", Memory(id=str(number), text=text, time=1000.0 + number, reply="Oh."))
    hef: Any = create_hef(model=model, safety=None).compile(store=store)

    out = talk(hef, "My aunt is gone.", "ana", "today", **settings)

    assert len(out["empathy"].memories) == turns
    assert model.prompts[-1][0].text.count("they said: ") == turns


def test_an_agents_llm_counts_as_hosted_and_no_turn_is_told_where_none_is_wanted(scripted: Any) -> None:
    store = InMemoryStore()
    for number in range(14):
        remember_turn(store, "ana", Memory(id=str(number), text=f"My aunt {chr(97 + number) * 5} died.", time=1000.0))
    said = {"messages": [HumanMessage("My aunt is gone.")]}
    read = create_reading_graph(model=scripted("sad"), safety=None).compile(store=store)
    context = HefContext(user_id="ana", strategy="sem_only")
    assert len(read.invoke(said, context=context)["memories"]) == 10
    for none in ({"memory_limit": 0}, {"memory_budget": 0}):
        assert read.invoke(said, context=context.model_copy(update=none))["memories"] == []
    hef: Any = create_hef(model=HostedChat(replies=[["I see."]]), safety=None).compile(store=store)
    assert talk(hef, "My aunt is gone.", "ana", "today", memory_limit=0)["empathy"].memories == ()


def test_a_person_is_told_once_that_the_vectors_of_old_turns_are_another_sems(tmp_path: Path, scripted: Any) -> None:
    other = ChromaStore(tmp_path / "memory", index={"dims": 384, "embed": _by_letters, "fields": ["text"]})
    remember_turn(other, "ana", Memory(id="1", text="My dog Bello died last night."))
    other.close()
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=open_store(tmp_path))

    degraded = [talk(hef, "I miss my dog.", "ana", name)["empathy"].degraded for name in ("one", "two")]

    assert ["hef memory reembed" in (reason or "") for reason in degraded] == [True, False]


def _by_letters(texts: list[str]) -> list[list[float]]:
    return [[float(text.count(chr(97 + place % 26)) + place / 384) for place in range(384)] for text in texts]
