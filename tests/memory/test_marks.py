"""What people say of a stored turn: pinned, or never recalled."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from hef.contract import Memory, RecallWeights, SetupError
from hef.memory import (
    ChromaStore,
    Selection,
    amark_turn,
    erase_turns,
    export_turns,
    forget_turns,
    import_turns,
    list_turns,
    mark_turn,
    recall_turns,
    remember_turn,
    search_items,
    select_items,
    user_namespace,
)
from hef.memory.chroma.client.row_access import Table
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from store_contract import INDEX


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
        (unlike,) = import_turns(other, [lines[0].replace('"id": "0"', '"id": "%pinned"')]).broken
    assert "which is not a turn's" in unlike
    assert broken == ["line 1 holds no turn: it has pinned 'yes': true or false was expected"]


def test_why_tells_the_share_of_each_part(store: BaseStore) -> None:
    told(store, "my dog died", "a cat ran past")
    dog, cat = recall_turns(store, "ana", "my dog died", 5)
    assert dog.why is not None
    assert cat.why is not None
    shares = dog.why.model_dump(exclude={"by"})
    assert sum(shares.values()) == pytest.approx(1, abs=0.001)
    assert max(shares, key=lambda name: shares[name]) == "similarity"
    assert (dog.why.lexical > 0, cat.why.lexical, dog.why.by) == (True, 0, "relevance")
    only = recall_turns(store, "ana", "dog", 1, weights=RecallWeights(similarity=0, length=0, recency=0, emotion=0))
    assert only[0].why is not None
    assert only[0].why.lexical == 1
    assert [memory.why for memory in list_turns(store, "ana")] == [None, None]


def recalled(store: BaseStore, query: str, limit: int = 3, **options: Any) -> list[str]:
    return [memory.id for memory in recall_turns(store, "ana", query, limit, with_pinned=True, **options)]


def test_a_pinned_turn_is_recalled_before_the_others(store: BaseStore) -> None:
    told(store, "i am afraid of heights", *(f"my dog died {number}" for number in range(60)), "a cat ran past")
    assert "0" not in recalled(store, "my dog died")
    mark_turn(store, "ana", "0", pinned=True)
    mark_turn(store, "ana", "61", pinned=True)
    found = recall_turns(store, "ana", "my dog died", 3, with_pinned=True)
    assert [memory.id for memory in found[:2]] == ["61", "0"]
    assert [memory.why.by for memory in found if memory.why] == ["pinned", "pinned", *["relevance"] * 3]
    assert "0" not in {memory.id for memory in recall_turns(store, "ana", "my dog died", 3)}
    assert recalled(store, " ")[:2] == ["61", "0"]
    mark_turn(store, "ana", "61", pinned=False)
    assert recalled(store, "my dog died")[:1] == ["0"]
    mark_turn(store, "ana", "0", never_recall=True)
    assert "0" not in recalled(store, "my dog died")


@pytest.mark.parametrize("turns", [3, 60])
def test_looking_for_pins_reads_chroma_no_more_often(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    read = Table._read

    async def counted(self: Table, **arguments: Any) -> Any:
        reads.append(arguments)
        return await read(self, **arguments)

    monkeypatch.setattr(Table, "_read", counted)
    with ChromaStore(index=INDEX) as store:
        told(store, *(f"my dog died {number}" for number in range(turns)))
        recall_turns(store, "ana", "my dog died")
        reads.clear()
        recall_turns(store, "ana", "my dog died")
        without = len(reads)
        recalled(store, "my dog died")
        assert (len(reads), without > 0) == (2 * without, True)


def test_pins_and_marks_are_each_characters_own(store: BaseStore) -> None:
    told(store, "my dog died")
    remember_turn(store, "ana", Memory(id="1", text="a cat ran past", character="june"))
    assert mark_turn(store, "ana", "1", pinned=True).character == "june"
    assert recalled(store, "dog") == ["0"]
    assert recalled(store, "dog", character="june") == ["1"]
    assert mark_turn(store, "ana", "1", pinned=False).pinned is False


def test_what_is_erased_is_pinned_no_longer(store: BaseStore) -> None:
    told(store, "my dog died", "a cat ran past", "the dog barks")
    for id in "012":
        mark_turn(store, "ana", id, pinned=True)
    assert len(select_items(store, "ana")) == len(select_items(store, None)) == 3
    assert erase_turns(store, "ana", Selection(ids=("0",))) == 1
    assert forget_turns(store, "ana", ["1"]) == 1
    assert recalled(store, "dog") == ["2"]
    assert forget_turns(store, "ana") == 1
    assert store.search((), limit=9) == []


def test_an_imported_pin_is_recalled(store: BaseStore) -> None:
    told(store, "i am afraid of heights", *(f"my dog died {number}" for number in range(60)))
    mark_turn(store, "ana", "0", pinned=True)
    lines = list(export_turns(store, "ana"))
    with ChromaStore(index=INDEX) as other:
        import_turns(other, lines)
        assert recalled(other, "my dog died")[0] == "0"


def test_a_turn_whose_time_is_over_is_neither_recalled_nor_listed(
    store: BaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    told(store, "the dog barks")
    remember_turn(store, "ana", Memory(id="1", text="my dog died", time=start, expires=start + 100))
    remember_turn(store, "ana", Memory(id="2", text="my dog died", time=start, expires=start + 100, name="Ana"))
    mark_turn(store, "ana", "2", pinned=True)
    lines = list(export_turns(store, "ana"))
    assert len(lines) == 3
    assert isinstance(store, InMemoryStore) or "ttl-sweeper" in {thread.name for thread in threading.enumerate()}
    # Reading a turn does not lengthen its time.
    monkeypatch.setattr("time.time", lambda: start + 60)
    assert "1" in recalled(store, "my dog died") or "2" in recalled(store, "my dog died")
    monkeypatch.setattr("time.time", lambda: start + 101)
    assert recalled(store, "my dog died") == ["2", "0"]
    assert [memory.id for memory in list_turns(store, "ana")] == ["2", "0"]
    assert [item.key for item in search_items(store, "ana", "my dog died", 5)] == ["2", "0"]
    assert len(list(export_turns(store, "ana"))) == 2
    with pytest.raises(SetupError):
        mark_turn(store, "ana", "1", pinned=True)
    if isinstance(store, ChromaStore):
        assert store.sweep_ttl() == 1
    with ChromaStore(index=INDEX) as other:
        report = import_turns(other, lines)
        assert (report.added, report.expired) == (2, 1)
    assert not mark_turn(store, "ana", "2", pinned=False).pinned
    assert recalled(store, "my dog died") == ["0"]
    assert erase_turns(store, "ana") >= 1
    assert store.search((), limit=9) == []
