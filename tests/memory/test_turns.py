from __future__ import annotations

from collections.abc import Iterator

import pytest
from hef.contract import Memory, SetupError
from hef.memory import (
    ChromaStore,
    aforget_turns,
    alist_turns,
    arecall_turns,
    aremember_turn,
    forget_turns,
    list_turns,
    recall_turns,
    remember_turn,
    remember_turns,
    turn_id,
    user_namespace,
)
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from store_contract import INDEX

ODD = ["ana", "Ana", "an.a", "an%2Ea", "../etc/passwd", "a/b", "a b", "*", "悲しい", "nul\0", "\ud800", "x" * 500]
ODD += ["y" * 500, "é" * 500, "a@b.c", "%", "langgraph", ".", "~", "%sha256-", "ana\n", " ana", "1"]


@pytest.fixture(params=["chroma", "chroma without index", "host", "host without index"])
def store(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    index = None if "without" in request.param else INDEX
    if "host" in request.param:
        yield InMemoryStore(index=index)
        return
    with ChromaStore(index=index) as store:
        yield store


@pytest.fixture(params=["chroma", "host"])
def indexed(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    if request.param == "host":
        yield InMemoryStore(index=INDEX)
        return
    with ChromaStore(index=INDEX) as store:
        yield store


def turn(text: str, time: float, thread: str = "t") -> Memory:
    return Memory(
        id=turn_id(thread, f"{text}{time}"),
        text=text,
        reply="I see.",
        emotion="sad",
        probability=0.5,
        causes=("dog",),
        time=time,
        thread=thread,
    )


def tell(store: BaseStore, user: str, *memories: Memory) -> None:
    for memory in memories:
        remember_turn(store, user, memory)


@given(one=st.text(min_size=1), other=st.text(min_size=1))
def test_no_two_users_share_a_namespace(one: str, other: str) -> None:
    assert (user_namespace(one) == user_namespace(other)) == (one == other)
    label = user_namespace(one)[-1]
    assert label
    assert not set(label) & set("./*\0")


def test_odd_user_ids_never_meet(store: BaseStore) -> None:
    assert len({user_namespace(user) for user in ODD}) == len(ODD)
    assert all(len(user_namespace(user)[-1]) <= 200 for user in ODD)
    for time, user in enumerate(ODD):
        tell(store, user, turn("my dog", float(time)))
    for time, user in enumerate(ODD):
        assert [memory.time for memory in recall_turns(store, user, "dog", 50)] == [float(time)]
    assert forget_turns(store, ODD[0]) == 1
    assert list_turns(store, ODD[0]) == []
    assert len(list_turns(store, ODD[1])) == 1


@pytest.mark.parametrize("user", ["", None, 3])
def test_a_user_without_id_is_refused(user: str) -> None:
    with pytest.raises(SetupError):
        user_namespace(user)


def test_turn_ids() -> None:
    assert turn_id("t", "1") == turn_id("t", "1")
    assert len({turn_id("t", "1"), turn_id("t1", ""), turn_id("", "t1"), turn_id("1", "t")}) == 4


def test_a_second_conversation_recalls_the_first(indexed: BaseStore) -> None:
    died = turn("my dog died last night", 1.0, "monday")
    tell(indexed, "ana", died, turn("i start a new job", 2.0, "monday"), turn("the dog again", 3.0, "today"))
    tell(indexed, "ben", turn("my dog died last night", 4.0, "monday"))
    (found,) = recall_turns(indexed, "ana", "i miss my dog", 1, thread="today", already_in_prompt=["the dog again"])
    assert found.model_copy(update={"score": None, "why": None}) == died
    assert found.score is not None
    assert 0 < found.score < 1
    assert recall_turns(indexed, "carl", "i miss my dog", 3) == []


def test_turns_that_share_words_are_stored_together(indexed: BaseStore) -> None:
    twice = "He left me, he left me, and he left me."
    told = ["He left. I cried.", "She came. I cried.", "ok", "ok", "ok. ok.", "I cried.", twice, twice]
    remember_turns(indexed, "ana", [turn(text, float(number), f"t{number}") for number, text in enumerate(told)])
    assert sorted(each.text for each in list_turns(indexed, "ana")) == sorted(told)
    assert recall_turns(indexed, "ana", "she came", 1)[0].text == "She came. I cried."


def test_a_resumed_turn_is_stored_once(store: BaseStore) -> None:
    first = turn("my dog died", 1.0)
    tell(store, "ana", first, first, first.model_copy(update={"reply": "Oh no."}))
    (found,) = recall_turns(store, "ana", "dog", 10)
    assert found.reply == "Oh no."


def test_of_equal_turns_the_newest_is_recalled_once(indexed: BaseStore) -> None:
    tell(indexed, "ana", *(turn("yes", float(time)) for time in [*range(50, 90), *range(50)]))
    tell(indexed, "ana", turn("yes please", 1000.0))
    assert [memory.time for memory in recall_turns(indexed, "ana", "yes", 3)] == [89.0, 1000.0]
    assert [memory.time for memory in recall_turns(indexed, "ana", "yes", 1)] == [89.0]


@pytest.mark.parametrize("make", [InMemoryStore, ChromaStore])
def test_without_an_index_shared_words_come_first_then_the_newest(make: type[BaseStore]) -> None:
    store = make()
    tell(store, "ana", *(turn(f"turn {time}", float(time)) for time in [3, 1, 4, 5, 9, 2, 6]))
    found = recall_turns(store, "ana", "turn 1", 3)
    assert [memory.time for memory in found] == [1.0, 9.0, 6.0]


def test_more_turns_than_a_page() -> None:
    store = InMemoryStore()
    tell(store, "ana", *(turn(f"hi {time}", float(time)) for time in range(2000)))
    assert [memory.time for memory in recall_turns(store, "ana", "hi", 2)] == [1999.0, 1998.0]
    assert len(list_turns(store, "ana")) == 2000
    assert forget_turns(store, "ana") == 2000


def test_a_blank_text_recalls_the_newest(indexed: BaseStore) -> None:
    tell(indexed, "ana", turn("old", 1.0), turn("new", 2.0))
    assert [memory.text for memory in recall_turns(indexed, "ana", "  ", 1)] == ["new"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_none_recalls_nothing(store: BaseStore, limit: int) -> None:
    tell(store, "ana", turn("dog", 1.0))
    assert recall_turns(store, "ana", "dog", limit) == []


def test_only_what_the_person_said_is_searched(indexed: BaseStore) -> None:
    said = Memory(id="1", text="it rains", reply="the dog is fine", time=1.0)
    tell(indexed, "ana", said, turn("dog", 0.0))
    assert [memory.text for memory in recall_turns(indexed, "ana", "dog", 1)] == ["dog"]


def test_what_others_stored_there_is_passed_over(store: BaseStore, caplog: pytest.LogCaptureFixture) -> None:
    tell(store, "ana", turn("dog", 1.0))
    store.put(user_namespace("ana"), "foreign", {"text": 3})
    assert [memory.text for memory in recall_turns(store, "ana", "dog", 5)] == ["dog"]
    assert "foreign" in caplog.text
    assert forget_turns(store, "ana") == 2


def test_some_turns_are_forgotten(store: BaseStore) -> None:
    kept, gone = turn("dog", 1.0), turn("cat", 2.0)
    tell(store, "ana", kept, gone)
    assert forget_turns(store, "ana", [gone.id, "unknown"]) == 1
    assert list_turns(store, "ana") == [kept]


async def test_the_async_forms_do_the_same(store: BaseStore) -> None:
    first, second = turn("dog", 1.0), turn("cat", 2.0)
    await aremember_turn(store, "ana", first)
    await aremember_turn(store, "ana", second)
    assert await alist_turns(store, "ana") == [second, first]
    found = await arecall_turns(store, "ana", "dog cat", 5, thread="t", already_in_prompt=["cat"])
    assert [memory.id for memory in found] == [first.id]
    assert await aforget_turns(store, "ana") == 2
    assert await arecall_turns(store, "ana", "dog", 5) == []
