"""`ChromaStore` as a plain LangGraph store beside HEF's turns: odd values, keys, filters, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hef.contract import Memory, StoreError
from hef.memory import ChromaStore, list_turns, recall_turns, remember_turn, user_namespace
from langgraph.store.base import GetOp, PutOp, SearchOp
from store_contract import INDEX


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with ChromaStore(index=INDEX) as store:
        yield store


def nested(depth: int, inner: Any = "x") -> dict[str, Any]:
    """Return mappings and lists within each other."""
    for level in range(depth):
        inner = [inner] if level % 2 else {"part": inner}
    return {"top": inner}


def endless() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


@pytest.mark.parametrize(
    ("namespace", "key", "value"),
    [
        (("notes",), "half \ud83d", {"text": "half \udc00 a character"}),
        (("no\ud800tes", "ä/#%|"), "k\n", {"text": "x"}),
        (("notes",), "key " * 20_000, {"text": "a long key"}),
        (("n" * 5000, "b"), "k", {"text": "a long label"}),
        (("notes",), "nul", {"a\x00b": "c\x00d"}),
        (("notes",), "numbers", {"big": 10**40, "infinite": math.inf, "small": -0.0}),
        (("notes",), "operators", {"$gt": 1, "a.b": {"$eq": 2}}),
        (("notes",), "deep", nested(150)),
        (("notes",), "", {}),
    ],
)
def test_odd_items_come_back_as_they_were(
    namespace: tuple[str, ...], key: str, value: dict[str, Any], store: ChromaStore
) -> None:
    store.put(namespace, key, value)

    item = store.get(namespace, key)
    assert item is not None
    assert (item.namespace, item.key, item.value) == (namespace, key, value)
    assert [found.key for found in store.search(namespace, filter=None)] == [key]
    assert store.list_namespaces(prefix=namespace) == [namespace]


def test_a_number_that_is_none_is_found_by_its_key_and_by_no_comparison(store: ChromaStore) -> None:
    store.put(("notes",), "nan", {"x": math.nan, "y": 1})

    assert [item.key for item in store.search(("notes",), filter={"y": 1})] == ["nan"]
    assert store.search(("notes",), filter={"x": {"$gte": 0}}) == []


@pytest.mark.parametrize("value", [nested(300), nested(5000), endless(), {"a": {1, 2}}, {"a": b"bytes"}])
def test_a_value_that_cannot_be_stored_is_refused_and_its_whole_batch_with_it(value: Any, store: ChromaStore) -> None:
    with pytest.raises(StoreError, match=r"The value of 'bad' in \('notes',\) cannot be stored: "):
        store.batch([PutOp(("notes",), "good", {"text": "x"}), PutOp(("notes",), "bad", value)])

    assert store.search(("notes",)) == []


@pytest.mark.parametrize("condition", [nested(300), nested(50_000), endless()])
def test_a_filter_without_a_bottom_is_refused(condition: Any, store: ChromaStore) -> None:
    store.put(("notes",), "deep", nested(150))

    with pytest.raises(ValueError, match="The filter is nested deeper than 200 levels"):
        store.search(("notes",), filter=condition)
    assert [item.key for item in store.search(("notes",), filter=nested(150))] == ["deep"]


def test_what_a_host_keeps_beside_the_turns_is_none_of_them(store: ChromaStore) -> None:
    remember_turn(store, "ana", Memory(id="1", text="My dog died.", time=5.0))
    store.put(user_namespace("ana"), "own", {"text": "My dog is called Bello.", "kind": "profile"})
    store.put((*user_namespace("ana"), "below"), "2", {"text": "My dog.", "time": "no time"})
    store.put(("hef",), "3", {"text": "My dog"})

    turn, own, found = store.batch(
        [
            GetOp(user_namespace("ana"), "1"),
            GetOp(user_namespace("ana"), "own"),
            SearchOp(("hef",), filter={"kind": "profile"}),
        ]
    )

    assert [memory.id for memory in list_turns(store, "ana") if memory.id != "own"] == ["1"]
    assert "2" not in {memory.id for memory in recall_turns(store, "ana", "my dog", 9)}
    assert [getattr(turn, "key", None), getattr(own, "key", None)] == ["1", "own"]
    assert [item.key for item in found] == ["own"]  # type: ignore[union-attr]
