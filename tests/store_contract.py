"""What any LangGraph store must do, as scenarios that run against each store alike.

A test module subclasses `StoreContract` and gives two fixtures: `store`, with an index over `embed`
and the field `text`, and `plain`, without an index.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import Sequence
from itertools import chain

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
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


class StoreContract:
    async def test_put_get_delete(self, plain: BaseStore) -> None:
        assert plain.get(("a",), "k") is None
        plain.put(("a",), "k", {"n": 1})
        item = plain.get(("a",), "k")
        assert item is not None
        assert (item.namespace, item.key, item.value) == (("a",), "k", {"n": 1})
        assert item.created_at.tzinfo is not None
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
        assert keys(plain.search(("a",), filter={"old": {"$ne": "x"}})) == ["k"]

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

    @pytest.mark.parametrize("label", ["%", "_", "*", "a%", "a_c", "?", "[a]", "it's", '"', "\\", "new\nline", "end\n"])
    def test_labels_and_keys_are_literal(self, plain: BaseStore, label: str) -> None:
        plain.put((label,), label, {"text": label})
        plain.put(("abc", "x"), "abc", {"text": "abc"})
        plain.put((label.strip() + "z",), label + "z", {"text": "other"})
        assert keys(plain.search((label,))) == [label]
        assert plain.get((label,), label) is not None
        assert plain.get(("abc",), label) is None
        assert keys(plain.search((), filter={"text": label})) == [label]

    def test_case_counts(self, plain: BaseStore) -> None:
        plain.put(("Case",), "Key", {"word": "Upper"})
        assert plain.get(("case",), "Key") is None
        assert plain.get(("Case",), "key") is None
        assert plain.search(("case",)) == []
        assert plain.search(("Case",), filter={"word": "upper"}) == []
        assert len(plain.search(("Case",), filter={"word": "Upper"})) == 1

    @pytest.mark.parametrize("text", ["Zürich", "悲しい", "😀🏽", "\ud800", "nul\0inside", "e\u0301", "\u202etrick"])
    def test_any_text_comes_back(self, plain: BaseStore, text: str) -> None:
        label = text.replace("\0", "")
        plain.put(("x", label), text, {text: text, "list": [text]})
        item = plain.get(("x", label), text)
        assert item is not None
        assert (item.key, item.value) == (text, {text: text, "list": [text]})
        assert keys(plain.search(("x", label), filter={text: text})) == [text]
        assert plain.list_namespaces() == [("x", label)]

    def test_long_texts_are_filtered_whole(self, plain: BaseStore) -> None:
        long = "x" * 5000
        plain.put(("a",), "long", {"text": long})
        plain.put(("a",), "longer", {"text": long + "y"})
        assert keys(plain.search(("a",), filter={"text": long})) == ["long"]
        assert keys(plain.search(("a",), filter={"text": {"$ne": long}})) == ["longer"]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
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
            ({"tags": ["x", "y"]}, "a"),
            ({"tags": ["y", "x"]}, "b"),
            ({"deep": {"in": {"n": 1}}}, "a"),
            ({"deep": {"in": {"n": {"$gt": 1}}}}, "b"),
            ({"none": None}, "abcd"),
            ({"color": 1}, ""),
            ({"missing": {"$ne": "x"}}, "abcd"),
            ({}, "abcd"),
        ],
    )
    def test_filters(self, plain: BaseStore, wanted: dict[str, object], found: str) -> None:
        base = {"color": "blue", "on": None, "tags": [], "deep": {"in": {"n": 0}}, "none": None}
        plain.put(
            ("f",), "a", {**base, "color": "red", "n": 1, "on": True, "tags": ["x", "y"], "deep": {"in": {"n": 1}}}
        )
        plain.put(("f",), "b", {**base, "n": 2, "on": False, "tags": ["y", "x"], "deep": {"in": {"n": 2}}})
        plain.put(("f",), "c", {**base, "color": "red", "n": 3.5})
        plain.put(("f",), "d", {"color": "green", "n": 2**60, "deep": None})
        plain.put(("other",), "e", {**base, "color": "red", "n": 2})
        assert sorted(keys(plain.search(("f",), filter=wanted))) == sorted(found)

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
