"""What people say of a stored turn: pinned, or never recalled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hef.contract import Memory, RecallWeights, SetupError
from hef.memory import (
    ChromaStore,
    amark_turn,
    export_turns,
    import_turns,
    list_turns,
    mark_turn,
    recall_turns,
    remember_turn,
    user_namespace,
)
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore
from store_contract import DIMS, embed

INDEX: IndexConfig = {"dims": DIMS, "embed": embed, "fields": ["text"]}


@pytest.fixture(params=["chroma", "host"])
def store(request: pytest.FixtureRequest) -> Iterator[BaseStore]:
    if request.param == "host":
        yield InMemoryStore(index=INDEX)
        return
    with ChromaStore(index=INDEX) as store:
        yield store


def told(store: BaseStore, *texts: str) -> list[Memory]:
    turns = [Memory(id=str(day), text=text, time=86_400.0 * day) for day, text in enumerate(texts)]
    for memory in turns:
        remember_turn(store, "ana", memory)
    return turns


def test_a_turn_that_is_never_recalled_stays_listed_and_exported(store: BaseStore) -> None:
    told(store, "my dog died", "a cat ran past", "the dog barks")
    assert mark_turn(store, "ana", "0", never_recall=True).never_recall
    assert {memory.id for memory in recall_turns(store, "ana", "my dog died", 5)} == {"1", "2"}
    assert [(memory.id, memory.never_recall) for memory in list_turns(store, "ana")][-1] == ("0", True)
    assert sum('"never_recall": true' in line for line in export_turns(store, "ana")) == 1
    assert not mark_turn(store, "ana", "0", never_recall=False).never_recall
    assert recall_turns(store, "ana", "my dog died", 5)[0].id == "0"


def test_many_that_are_never_recalled_do_not_hide_the_next_best(store: BaseStore) -> None:
    told(store, *(f"my dog died {number}" for number in range(60)), "a cat ran past")
    for number in range(60):
        mark_turn(store, "ana", str(number), never_recall=True)
    assert [memory.id for memory in recall_turns(store, "ana", "my dog died", 3)] == ["60"]


def test_a_mark_takes_the_other_one_away_and_leaves_the_rest(store: BaseStore) -> None:
    (turn,) = told(store, "my dog died")
    namespace = user_namespace("ana")
    item = store.get(namespace, "0")
    assert item is not None
    store.put(namespace, "0", {**item.value, "colour": "red"}, index=["text"])
    assert mark_turn(store, "ana", "0", pinned=True) == turn.model_copy(update={"pinned": True})
    assert mark_turn(store, "ana", "0") == turn.model_copy(update={"pinned": True})
    hidden = asyncio.run(amark_turn(store, "ana", "0", never_recall=True))
    assert (hidden.pinned, hidden.never_recall) == (False, True)
    assert list_turns(store, "ana") == [hidden]
    assert mark_turn(store, "ana", "0", never_recall=False) == turn
    marked = store.get(namespace, "0")
    assert marked is not None
    assert marked.value == {**item.value, "colour": "red"}
    assert marked.created_at == item.created_at or isinstance(store, InMemoryStore)


def test_marks_that_cannot_be(store: BaseStore) -> None:
    told(store, "my dog died")
    with pytest.raises(SetupError, match="no turn of this user"):
        mark_turn(store, "ben", "0", pinned=True)
    with pytest.raises(SetupError, match="both"):
        mark_turn(store, "ana", "0", pinned=True, never_recall=True)


def test_marks_are_taken_along(store: BaseStore) -> None:
    told(store, "my dog died", "a cat ran past")
    mark_turn(store, "ana", "0", pinned=True)
    mark_turn(store, "ana", "1", never_recall=True)
    lines = list(export_turns(store, "ana"))
    with ChromaStore(index=INDEX) as other:
        assert import_turns(other, lines).added == 2
        assert list_turns(other, "ana") == list_turns(store, "ana")
        assert import_turns(other, lines).unchanged == 2
        broken = import_turns(other, [lines[0].replace('"pinned": true', '"pinned": "yes"')]).broken
    assert broken == ["line 1 holds no turn: it has pinned 'yes': true or false was expected"]


def test_why_tells_the_share_of_each_part(store: BaseStore) -> None:
    told(store, "my dog died", "a cat ran past")
    dog, cat = recall_turns(store, "ana", "my dog died", 5)
    assert dog.why is not None
    assert cat.why is not None
    shares = dog.why.model_dump(exclude={"by"})
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "meaning"
    assert (dog.why.words > 0, cat.why.words, dog.why.by) == (True, 0, "relevance")
    only = recall_turns(store, "ana", "dog", 1, weights=RecallWeights(similarity=0, length=0, recency=0, emotion=0))
    assert only[0].why is not None
    assert only[0].why.words == 1
    assert [memory.why for memory in list_turns(store, "ana")] == [None, None]
