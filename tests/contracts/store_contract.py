"""What any LangGraph store must do, as scenarios that run against each store alike.

A test module subclasses `StoreContract` and gives one fixture, `make`: it returns a new, empty store with
a given index and expiry. What a store lacks stands in `lacks`, by the beginning of the scenario's name, with the
reason.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchOp,
    TTLConfig,
)

DIMS = 64


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Hash a bag of words to a vector, so that shared words mean similarity."""
    return [_bag(text) for text in texts]


def _bag(text: str) -> list[float]:
    vector = [0.01] * DIMS
    for word in re.findall(r"\w+", text.lower()):
        vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % DIMS] += 1.0
    return vector


def cosine(one: str, other: str) -> float:
    a, b = _bag(one), _bag(other)
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def keys(items: Sequence[object]) -> list[str]:
    return [str(getattr(item, "key", None)) for item in items]


TEXTS = [
    "Zürich",
    "悲しい",
    "😀🏽",
    "\ud800",
    "nul\0inside",
    "e\u0301",
    "é",
    "\u202etrick",
    "x' OR '1'='1",
    "a b",
]
FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"color": "red"}, "ac"),
    ({"color": {"$eq": "red"}}, "ac"),
    ({"color": {"$ne": "red"}}, "bd"),
    ({"n": 2}, "b"),
    ({"n": {"$ne": 2}}, "acd"),
    ({"n": {"$gt": 2}}, "cd"),
    ({"n": {"$gte": 2}}, "bcd"),
    ({"n": {"$lt": 2.5}}, "ab"),
    ({"n": {"$lte": 1}}, "a"),
    ({"n": {"$gt": 1, "$lt": 10}}, "bc"),
    ({"color": "red", "n": {"$gt": 1}}, "c"),
    ({"on": True}, "a"),
    ({"on": {"$eq": False}}, "b"),
    ({"none": None}, "abcd"),
    ({"color": 1}, ""),
    ({}, "abcd"),
]
NESTED_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"tags": ["x", "y"]}, "a"),
    ({"tags": ["y", "x"]}, "b"),
    ({"deep": {"in": {"n": 1}}}, "a"),
    ({"deep": {"in": {"n": {"$gt": 1}}}}, "b"),
    ({"missing": {"$ne": "x"}}, "abcd"),
]
TTL: TTLConfig = {"refresh_on_read": True, "omit_expired": True}
INDEX: IndexConfig = {"dims": DIMS, "embed": embed, "fields": ["text"]}


def sweep(store: Any) -> int:
    return int(store.sweep_ttl())


def _put_colours(store: BaseStore) -> None:
    base = {"color": "blue", "on": None, "tags": [], "deep": {"in": {"n": 0}}, "none": None}
    store.put(("f",), "a", {**base, "color": "red", "n": 1, "on": True, "tags": ["x", "y"], "deep": {"in": {"n": 1}}})
    store.put(("f",), "b", {**base, "n": 2, "on": False, "tags": ["y", "x"], "deep": {"in": {"n": 2}}})
    store.put(("f",), "c", {**base, "color": "red", "n": 3.5})
    store.put(("f",), "d", {"color": "green", "n": 2**60, "deep": None})
    store.put(("other",), "e", {**base, "color": "red", "n": 2})


class Driven(BaseStore):
    """A store whose sync methods run the async ones of another, in a loop of their own."""

    def __init__(self, store: BaseStore) -> None:
        self.store = store
        self.supports_ttl, self.ttl_config = store.supports_ttl, store.ttl_config
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return asyncio.run_coroutine_threadsafe(self.store.abatch(ops), self.loop).result()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await self.store.abatch(ops)

    def sweep_ttl(self) -> int:
        return sweep(self.store)


class StoreContract:
    lacks: ClassVar[dict[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _skip_what_it_lacks(self, request: pytest.FixtureRequest) -> None:
        for name, reason in self.lacks.items():
            if request.node.name.removeprefix("test_").startswith(name):
                pytest.skip(reason)

    @pytest.fixture
    def store(self, make: Callable[..., BaseStore]) -> BaseStore:
        return make(index=INDEX)

    @pytest.fixture
    def plain(self, make: Callable[..., BaseStore]) -> BaseStore:
        return make()

    async def test_put_get_delete(self, plain: BaseStore) -> None:
        assert plain.get(("a",), "k") is None
        plain.put(("a",), "k", {"n": 1})
        item = plain.get(("a",), "k")
        assert item is not None
        assert (item.namespace, item.key, item.value) == (("a",), "k", {"n": 1})
        plain.delete(("a",), "k")
        plain.delete(("a",), "never there")
        assert plain.get(("a",), "k") is None
        assert plain.search(("a",)) == []

    def test_a_put_replaces_the_whole_value(self, plain: BaseStore) -> None:
        plain.put(("a",), "k", {"old": "x", "n": 1})
        plain.put(("a",), "k", {"new": [1, {"deep": None}]})
        item = plain.get(("a",), "k")
        assert item is not None
        assert item.value == {"new": [1, {"deep": None}]}
        assert plain.search(("a",), filter={"old": "x"}) == []
        assert plain.search(("a",), filter={"n": 1}) == []

    def test_an_empty_value_is_a_value(self, plain: BaseStore) -> None:
        plain.put(("a",), "k", {})
        item = plain.get(("a",), "k")
        assert item is not None
        assert item.value == {}

    def test_updated_at_moves_on(self, plain: BaseStore) -> None:
        plain.put(("a",), "k", {"n": 1})
        first = plain.get(("a",), "k")
        plain.put(("a",), "k", {"n": 2})
        second = plain.get(("a",), "k")
        assert first is not None
        assert second is not None
        assert second.updated_at >= first.updated_at >= first.created_at

    def test_batch_answers_in_order_and_reads_before_it_writes(self, plain: BaseStore) -> None:
        plain.put(("a",), "k", {"n": 1})
        results = plain.batch(
            [
                GetOp(("a",), "k"),
                PutOp(("a",), "k", {"n": 2}),
                SearchOp(("a",)),
                ListNamespacesOp(),
                PutOp(("b",), "new", {"n": 3}),
                GetOp(("b",), "new"),
                GetOp(("a",), "none"),
            ]
        )
        assert len(results) == 7
        assert getattr(results[0], "value", None) == {"n": 1}
        assert results[1] is None
        assert keys(results[2] or []) == ["k"]  # type: ignore[arg-type]
        assert results[3] == [("a",)]
        assert results[4:] == [None, None, None]
        assert plain.get(("a",), "k").value == {"n": 2}  # type: ignore[union-attr]

    def test_the_last_write_of_a_batch_wins(self, plain: BaseStore) -> None:
        plain.batch([PutOp(("a",), "k", {"n": 1}), PutOp(("a",), "k", {"n": 2}), PutOp(("a",), "gone", {"n": 1})])
        plain.batch([PutOp(("a",), "gone", {"n": 2}), PutOp(("a",), "gone", None)])
        plain.batch([PutOp(("a",), "back", None), PutOp(("a",), "back", {"n": 1})])
        assert sorted(keys(plain.search(("a",)))) == ["back", "k"]
        assert plain.get(("a",), "k").value == {"n": 2}  # type: ignore[union-attr]

    def test_an_empty_batch_is_fine(self, plain: BaseStore) -> None:
        assert plain.batch([]) == []

    def test_ops_may_be_an_iterator(self, plain: BaseStore) -> None:
        assert plain.batch(iter([PutOp(("a",), "k", {"n": 1})])) == [None]
        assert plain.get(("a",), "k") is not None

    @pytest.mark.parametrize("namespace", [("a.b",), ("",), ("a", ""), ("nul\0",), (1,), (), ("langgraph", "x")])
    def test_a_bad_namespace_is_refused(self, plain: BaseStore, namespace: tuple[str, ...]) -> None:
        with pytest.raises(InvalidNamespaceError):
            plain.put(namespace, "k", {"n": 1})

    def test_a_prefix_ends_on_a_label(self, plain: BaseStore) -> None:
        for namespace in [("a",), ("ab",), ("a", "b"), ("a", "b", "c"), ("b", "a")]:
            plain.put(namespace, "-".join(namespace), {"n": 1})
        assert sorted(keys(plain.search(("a",)))) == ["a", "a-b", "a-b-c"]
        assert sorted(keys(plain.search(("a", "b")))) == ["a-b", "a-b-c"]
        assert keys(plain.search(("a", "b", "c", "d"))) == []
        assert len(plain.search(())) == 5

    def test_labels_and_keys_are_literal(self, plain: BaseStore) -> None:
        plain.put(("abc", "x"), "abc", {"text": "abc"})
        marks = ["%", "_", "*", "a%", "a_c", "?", "[a]", "it's", '"', "\\", "new\nline", "end\n"]
        for mark in marks:
            plain.put((mark,), mark, {"text": mark})
            plain.put((mark.strip() + "z",), mark + "z", {"text": "other"})
        for mark in marks:
            assert keys(plain.search((mark,))) == [mark]
            assert plain.get((mark,), mark) is not None
            assert plain.get(("abc",), mark) is None
            assert keys(plain.search((), filter={"text": mark})) == [mark]

    def test_case_counts(self, plain: BaseStore) -> None:
        plain.put(("Case",), "Key", {"word": "Upper"})
        assert plain.get(("case",), "Key") is None
        assert plain.get(("Case",), "key") is None
        assert plain.search(("case",)) == []
        assert plain.search(("Case",), filter={"word": "upper"}) == []
        assert len(plain.search(("Case",), filter={"word": "Upper"})) == 1

    def test_any_text_comes_back(self, plain: BaseStore) -> None:
        for text in TEXTS:
            label = text.replace("\0", "")
            plain.put(("x", label), text, {text: text, "list": [text]})
            item = plain.get(("x", label), text)
            assert item is not None
            assert (item.key, item.value) == (text, {text: text, "list": [text]})
            assert keys(plain.search(("x", label))) == [text]
        assert sorted(plain.list_namespaces()) == sorted(("x", text.replace("\0", "")) for text in TEXTS)

    def test_any_text_may_be_asked_for(self, plain: BaseStore) -> None:
        for text in TEXTS:
            plain.put(("x",), text, {text: text})
        for text in TEXTS:
            assert keys(plain.search(("x",), filter={text: text})) == [text]

    def test_long_texts_are_filtered_whole(self, plain: BaseStore) -> None:
        long = "x" * 5000
        plain.put(("a",), "long", {"text": long})
        plain.put(("a",), "longer", {"text": long + "y"})
        assert keys(plain.search(("a",), filter={"text": long})) == ["long"]
        assert keys(plain.search(("a",), filter={"text": {"$ne": long}})) == ["longer"]

    def test_filters(self, plain: BaseStore) -> None:
        _put_colours(plain)
        for wanted, found in FILTERS:
            assert "".join(sorted(keys(plain.search(("f",), filter=wanted)))) == found, wanted

    def test_filters_look_into_nested_values(self, plain: BaseStore) -> None:
        _put_colours(plain)
        for wanted, found in NESTED_FILTERS:
            assert "".join(sorted(keys(plain.search(("f",), filter=wanted)))) == found, wanted

    def test_an_unknown_operator_is_refused(self, plain: BaseStore) -> None:
        plain.put(("f",), "a", {"n": 1})
        with pytest.raises(ValueError, match=r"Unsupported operator: \$near"):
            plain.search(("f",), filter={"n": {"$near": 1}})

    def test_a_filter_is_no_query_language(self, plain: BaseStore) -> None:
        plain.put(("f",), "a", {"x' OR '1'='1": "v", "plain": "' OR 1=1 --"})
        assert plain.search(("f",), filter={"plain": "v"}) == []
        assert len(plain.search(("f",), filter={"x' OR '1'='1": "v"})) == 1
        assert len(plain.search(("f",), filter={"plain": "' OR 1=1 --"})) == 1

    @pytest.mark.parametrize("wanted", [None, {"n": {"$gte": 0}}, {"even": "yes"}])
    def test_pages_join_to_the_whole(self, plain: BaseStore, wanted: dict[str, object] | None) -> None:
        plain.batch([PutOp(("p",), f"{n:02}", {"n": n, "even": "no" if n % 2 else "yes"}) for n in range(25)])
        whole = keys(plain.search(("p",), filter=wanted, limit=100))
        pages = [keys(plain.search(("p",), filter=wanted, limit=7, offset=offset)) for offset in range(0, 35, 7)]
        assert list(chain.from_iterable(pages)) == whole
        assert len(set(whole)) == (13 if wanted and "even" in wanted else 25)

    def test_the_default_limit_is_ten(self, plain: BaseStore) -> None:
        plain.batch([PutOp(("p",), str(n), {"n": n}) for n in range(12)])
        assert len(plain.search(("p",))) == 10

    def test_namespaces(self, plain: BaseStore) -> None:
        spaces = [("a", "b", "c"), ("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "b", "f"), ("a", "c", "f"), ("x",)]
        plain.batch([PutOp(space, key, {"n": 1}) for space in spaces for key in ("1", "2")])
        assert plain.list_namespaces() == sorted(spaces)
        assert plain.list_namespaces(prefix=("a", "b")) == sorted(spaces)[:4]
        assert plain.list_namespaces(prefix=("a", "b"), max_depth=3) == [
            ("a", "b", "c"),
            ("a", "b", "d"),
            ("a", "b", "f"),
        ]
        assert plain.list_namespaces(suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f")]
        assert plain.list_namespaces(prefix=("a", "*", "f")) == [("a", "b", "f"), ("a", "c", "f")]
        assert plain.list_namespaces(suffix=("d", "*")) == [("a", "b", "d", "e"), ("a", "b", "d", "i")]
        assert plain.list_namespaces(prefix=("a",), suffix=("f",), limit=1, offset=1) == [("a", "c", "f")]
        assert plain.list_namespaces(prefix=("b",)) == []
        assert plain.list_namespaces(limit=2, offset=4) == sorted(spaces)[4:]
        longer = MatchCondition("suffix", ("a", "b", "c", "d", "e"))
        assert plain.batch([ListNamespacesOp(match_conditions=(longer,))]) == [[]]

    async def test_async_does_the_same(self, store: BaseStore) -> None:
        await store.aput(("a",), "k", {"text": "a sad dog"})
        await asyncio.gather(*(store.aput(("many",), str(n), {"text": f"turn {n}"}) for n in range(20)))
        assert (await store.aget(("a",), "k")).value == {"text": "a sad dog"}  # type: ignore[union-attr]
        assert keys(await store.asearch(("a",), query="dog")) == ["k"]
        assert len(await store.asearch(("many",), limit=50)) == 20
        assert await store.alist_namespaces() == [("a",), ("many",)]
        await store.adelete(("a",), "k")
        assert await store.aget(("a",), "k") is None

    def test_without_an_index_a_query_changes_nothing(self, plain: BaseStore) -> None:
        plain.put(("a",), "k", {"text": "x"}, index=["text"])
        (item,) = plain.search(("a",), query="anything")
        assert item.score is None

    def test_the_most_similar_comes_first(self, store: BaseStore) -> None:
        texts = {"dog": "my dog died last night", "job": "i got the job today", "both": "the dog got a job"}
        store.batch([PutOp(("t",), key, {"text": text}) for key, text in texts.items()])
        found = store.search(("t",), query="my dog died")
        expected = sorted(texts, key=lambda key: -cosine("my dog died", texts[key]))
        assert keys(found) == expected
        assert [item.score for item in found] == pytest.approx(
            [cosine("my dog died", texts[key]) for key in expected], abs=1e-5
        )
        assert all(item.score is None for item in store.search(("t",)))

    def test_a_query_keeps_to_prefix_and_filter(self, store: BaseStore) -> None:
        for who, mood in [("ana", "sad"), ("ana", "glad"), ("ben", "sad")]:
            store.put(("u", who), mood, {"text": "my dog", "mood": mood, "n": len(who + mood)})
        assert keys(store.search(("u", "ana"), query="dog", filter={"mood": "sad"})) == ["sad"]
        assert keys(store.search(("u", "ana"), query="dog", filter={"mood": {"$ne": "sad"}})) == ["glad"]
        assert len(store.search(("u",), query="dog", filter={"n": {"$lt": 7}})) == 2

    def test_an_update_moves_the_vector(self, store: BaseStore) -> None:
        store.put(("t",), "k", {"text": "rain"})
        store.put(("t",), "other", {"text": "rain in spring"})
        store.put(("t",), "k", {"text": "sunshine"})
        assert keys(store.search(("t",), query="sunshine", limit=1)) == ["k"]
        assert keys(store.search(("t",), query="rain", limit=1)) == ["other"]
        store.delete(("t",), "k")
        assert keys(store.search(("t",), query="sunshine")) == ["other"]

    def test_an_item_of_several_vectors_stands_once_with_its_best_score(self, store: BaseStore) -> None:
        store.put(
            ("t",), "many", {"notes": [{"s": "red apple"}, {"s": "green pear"}], "x": "plum"}, ["notes[*].s", "x"]
        )
        store.put(("t",), "one", {"text": "green tea pear"})
        found = store.search(("t",), query="green pear")
        assert keys(found) == ["many", "one"]
        assert found[0].score == pytest.approx(1.0, abs=1e-5)
        assert keys(store.search(("t",), query="plum", limit=1)) == ["many"]
        assert len(store.search(("t",))) == 2
        store.delete(("t",), "many")
        assert keys(store.search((), query="plum")) == ["one"]

    def test_what_is_not_indexed_comes_last_without_a_score(self, store: BaseStore) -> None:
        store.put(("t",), "hidden", {"text": "green pear"}, index=False)
        store.put(("t",), "fieldless", {"other": "green pear"})
        store.put(("t",), "seen", {"text": "a stone"})
        found = store.search(("t",), query="green pear")
        assert keys(found)[0] == "seen"
        assert sorted(keys(found)[1:]) == ["fieldless", "hidden"]
        assert [item.score is None for item in found] == [False, True, True]
        assert keys(store.search(("t",), query="green pear", limit=1)) == ["seen"]
        assert store.get(("t",), "hidden") is not None

    def test_pages_of_a_query_join_to_the_whole(self, store: BaseStore) -> None:
        store.batch([PutOp(("q",), str(n), {"text": "dog " * n + f"cat {n}"}) for n in range(20)])
        whole = keys(store.search(("q",), query="dog cat", limit=100))
        pages = [keys(store.search(("q",), query="dog cat", limit=6, offset=offset)) for offset in range(0, 24, 6)]
        assert list(chain.from_iterable(pages)) == whole
        assert len(set(whole)) == 20

    def test_a_query_of_nothing_finds_nothing(self, store: BaseStore) -> None:
        assert store.search(("empty",), query="dog") == []
        assert store.search(("empty",), query="") == []

    def test_embedding_follows_the_paths_of_the_index(self, make: Callable[..., BaseStore]) -> None:
        store = make(index={**INDEX, "fields": ["key0", "key1", "key3"]})
        store.put(("p",), "one", {"key0": "aaa", "key1": "bbb", "key2": "ccc"})
        store.put(("p",), "two", {"key0": "zzz", "key1": "yyy", "key2": "aaa", "key3": "ddd"})
        found = store.search(("p",), query="aaa")
        assert keys(found) == ["one", "two"]
        assert found[0].score == pytest.approx(1.0, abs=1e-5)
        assert (found[1].score or 0) < 0.5
        assert keys(store.search(("p",), query="ddd"))[0] == "two"
        assert (store.search(("p",), query="ccc")[0].score or 0) < 0.5

    def test_a_put_may_name_its_own_paths(self, store: BaseStore) -> None:
        store.put(("p",), "own", {"text": "left", "other": {"deep": "right"}}, index=["other.deep"])
        store.put(("p",), "default", {"text": "left", "other": {"deep": "right"}})
        assert keys(store.search(("p",), query="right", limit=1)) == ["own"]
        assert keys(store.search(("p",), query="left", limit=1)) == ["default"]

    def test_a_whole_value_may_be_embedded(self, make: Callable[..., BaseStore]) -> None:
        store = make(index={"dims": DIMS, "embed": embed})
        store.put(("p",), "one", {"any": "green", "thing": ["pear"]})
        store.put(("p",), "two", {"any": "stone"})
        assert keys(store.search(("p",), query="green pear", limit=1)) == ["one"]

    def test_an_item_may_gain_and_lose_vectors(self, store: BaseStore) -> None:
        for parts in (["red"], ["red", "green", "blue"], [], ["green"], ["blue", "red"]):
            store.put(("v",), "k", {"parts": parts}, index=["parts[*]"])
            for word in ("red", "green", "blue"):
                found = store.search(("v",), query=word)
                assert keys(found) == ["k"]
                expected = max((cosine(word, part) for part in parts), default=None)
                assert found[0].score == (None if expected is None else pytest.approx(expected, abs=1e-5))
        store.delete(("v",), "k")
        assert store.search(("v",), query="red") == []

    def test_keys_and_fields_may_hold_hyphens_and_marks(self, plain: BaseStore) -> None:
        marked = ["some-key", "-", "a-b-c", "a_b", "a b", "0", "k#1", "k/", "", ".", "a" * 2000]
        for n, key in enumerate(marked):
            plain.put(("k-1", "x-y"), key, {"text-part": f"-{key}-", "n-1": n})
        for n, key in enumerate(marked):
            item = plain.get(("k-1", "x-y"), key)
            assert item is not None
            assert (item.key, item.value) == (key, {"text-part": f"-{key}-", "n-1": n})
            assert keys(plain.search(("k-1",), filter={"text-part": f"-{key}-"})) == [key]
        assert len(plain.search(("k-1",), filter={"n-1": {"$gt": 6}})) == 4

    def test_large_and_deep_values_are_kept_exactly(self, plain: BaseStore) -> None:
        deep: Any = "bottom"
        for n in range(50):
            deep = {"in": deep, "n": n} if n % 2 else [deep, n]
        value = {
            "deep": deep,
            "long": "ü" * 300_000,
            "many": {str(n): n / 7 for n in range(2000)},
            "numbers": [0, -0.0, 2**63, 1e-320, 0.1 + 0.2, True, None],
            **{f"field{n}": f"text {n}" for n in range(300)},
        }
        plain.put(("big",), "k", value)
        item = plain.get(("big",), "k")
        assert item is not None
        assert repr(item.value) == repr(value)
        assert keys(plain.search(("big",), filter={"field299": "text 299"})) == ["k"]

    def test_wildcards_of_a_listing_stand_for_one_label(self, plain: BaseStore) -> None:
        spaces = [("a", "x", "c"), ("a", "y", "c"), ("a", "x", "y", "c"), ("b", "x", "c"), ("*", "x")]
        plain.batch([PutOp(space, "k", {"n": 1}) for space in spaces])
        assert plain.list_namespaces(prefix=("*", "x")) == [
            ("*", "x"),
            ("a", "x", "c"),
            ("a", "x", "y", "c"),
            ("b", "x", "c"),
        ]
        assert plain.list_namespaces(prefix=("a", "*", "c")) == [("a", "x", "c"), ("a", "y", "c")]
        assert plain.list_namespaces(suffix=("x", "*")) == [("a", "x", "c"), ("b", "x", "c")]
        assert plain.list_namespaces(suffix=("*", "c"), max_depth=1) == [("a",), ("b",)]
        assert plain.list_namespaces(prefix=("a",), suffix=("y", "c")) == [("a", "x", "y", "c"), ("a", "y", "c")]

    def test_an_expired_item_is_not_returned(self, make: Callable[..., BaseStore]) -> None:
        store = make(ttl=TTL)
        store.put(("t", "old"), "gone", {"n": 1}, ttl=-1)
        store.put(("t", "new"), "there", {"n": 1}, ttl=60)
        store.put(("t", "new"), "for ever", {"n": 1}, ttl=None)
        assert store.get(("t", "old"), "gone") is None
        assert sorted(keys(store.search(("t",)))) == ["for ever", "there"]
        assert len(store.search(("t",), limit=1, offset=1)) == 1
        assert store.search(("t",), filter={"n": 1}, limit=2, offset=2) == []
        assert store.list_namespaces() == [("t", "new")]

    def test_an_expired_item_is_not_found_by_meaning(self, make: Callable[..., BaseStore]) -> None:
        store = make(index=INDEX, ttl=TTL)
        store.put(("t",), "gone", {"text": "green pear"}, ttl=-1)
        store.put(("t",), "there", {"text": "green stone"}, ttl=60)
        assert keys(store.search(("t",), query="green pear", limit=1)) == ["there"]
        assert store.search(("t",), query="green pear", limit=1, offset=1) == []

    def test_a_sweep_deletes_what_has_expired(self, make: Callable[..., BaseStore]) -> None:
        store = make(ttl=TTL)
        for n in range(3):
            store.put(("t", "x"), f"gone {n}", {"n": n}, ttl=-1 - n)
        store.put(("t",), "there", {"n": 3}, ttl=60)
        store.put(("t",), "for ever", {"n": 4}, ttl=None)
        assert sweep(store) == 3
        assert sweep(store) == 0
        assert sorted(keys(store.search(("t",)))) == ["for ever", "there"]
        assert store.list_namespaces() == [("t",)]

    def test_a_put_anew_ends_the_time_of_the_old(self, make: Callable[..., BaseStore]) -> None:
        store = make(ttl=TTL)
        store.put(("t",), "k", {"n": 1}, ttl=-1)
        store.put(("t",), "k", {"n": 2}, ttl=None)
        assert sweep(store) == 0
        assert store.get(("t",), "k") is not None

    def test_a_default_time_to_live_is_taken_where_a_put_names_none(self, make: Callable[..., BaseStore]) -> None:
        store = make(ttl={**TTL, "default_ttl": -1})
        store.put(("t",), "gone", {"n": 1})
        store.put(("t",), "there", {"n": 1}, ttl=60)
        store.put(("t",), "for ever", {"n": 1}, ttl=None)
        assert sweep(store) == 1
        assert sorted(keys(store.search(("t",)))) == ["for ever", "there"]

    async def test_writes_asked_for_at_once_are_applied_in_order(self, plain: BaseStore) -> None:
        await asyncio.gather(*(plain.aput(("a",), "k", {"n": n}) for n in range(30)))
        item = await plain.aget(("a",), "k")
        assert item is not None
        assert item.value == {"n": 29}

    async def test_ops_asked_for_at_once_do_not_mix(self, store: BaseStore) -> None:
        await asyncio.gather(*(store.aput(("u", f"{n % 7}"), f"{n}", {"text": f"turn {n}", "n": n}) for n in range(35)))
        gets = [store.aget(("u", f"{n % 7}"), f"{n}") for n in range(35)]
        searches = [store.asearch(("u", f"{n}"), query=f"turn {n}", limit=50) for n in range(7)]
        items, found = await asyncio.gather(asyncio.gather(*gets), asyncio.gather(*searches))
        assert [item.value["n"] for item in items if item] == list(range(35))
        assert [sorted(int(item.key) % 7 for item in one) for one in found] == [[n] * 5 for n in range(7)]

    async def test_a_cancelled_op_harms_no_other(self, plain: BaseStore) -> None:
        await plain.aput(("a",), "before", {"n": 0})
        tasks = [asyncio.create_task(plain.aput(("a",), f"{n}", {"n": n})) for n in range(12)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(isinstance(one, BaseException) for n, one in enumerate(done) if n % 3)
        await plain.aput(("a",), "after", {"n": 1})
        there = set(keys(await plain.asearch(("a",), limit=50)))
        assert {"before", "after", *(str(n) for n in range(12) if n % 3)} <= there
