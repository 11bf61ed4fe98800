"""One user's memory can never be reached with another's id, whatever characters the ids hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import permutations
from random import Random

import numpy as np
import pytest
from hef.contract import Memory
from hef.memory import (
    ChromaStore,
    Selection,
    export_turns,
    forget_turns,
    list_turns,
    recall_turns,
    remember_turn,
    search_items,
    select_items,
    turn_id,
    user_namespace,
)
from langgraph.store.base import IndexConfig, PutOp, SearchItem, SearchOp

DIMS = 8

HOSTILE = (
    *(
        "ana",
        "Ana",
        "ANA",
        " ana",
        "ana ",
        "ana\n",
        "ana\0",
        "\0ana",
        "an",
        "a",
        "anaa",
        "ana.",
        ".ana",
        "ana/",
        "/ana",
    ),
    *(
        "a.na",
        "a/na",
        "a%2Fna",
        "a%2fna",
        "a%252Fna",
        "a%2Ena",
        "a na",
        "a+na",
        "a%20na",
        "a\\na",
        "a\tna",
        "a\u200bna",
    ),
    *("*", "**", "?", "%", "%%", "_", "a*", "a%", "[a]", "^a", ".*", "{}", "$ne", "$gt", '{"$ne": ""}', "' OR 1=1 --"),
    *(".", "..", "../ana", "../../ana", "/", "//", "\\", "~", "~ana", "-", "--", "#", "ana#1", "ana-0", "ana/-", "|"),
    *(
        "hef",
        "turns",
        "langgraph",
        "None",
        "null",
        "0",
        "1",
        "-1",
        "1.0",
        "True",
        "me",
        "hef/turns/ana",
        "hef.turns.ana",
    ),
    *(
        "é",
        "e\u0301",
        "É",
        "ß",
        "ss",
        "İ",
        "i̇",
        "ı",
        "悲しい",
        "ana\u202e",
        "ana\ufeff",
        "\ud800",
        "\udfff",
        "😀",
        "ＡＮＡ",
    ),
    *("a" * 200, "a" * 201, "a" * 100_000, "a" * 99_999 + "b", "é" * 40, "é" * 400, "." * 66, "." * 67, "." * 500),
    *("%sha256-", "%sha256-" + "0" * 64, "sha256-", "ana@example.org", "ana@example.com", "tel:+49", "\x7f", "\x1b[0m"),
)


def embed(texts: Sequence[str]) -> list[list[float]]:
    seeds = (list(hashlib.sha256(text.encode()).digest()) for text in texts)
    return [np.random.default_rng(seed).normal(size=DIMS).tolist() for seed in seeds]


INDEX: IndexConfig = {"dims": DIMS, "embed": embed, "fields": ["text"]}


def secret(user: str) -> str:
    return f"the secret of number {HOSTILE.index(user)}"


def told(user: str) -> Memory:
    return Memory(id=turn_id("t", secret(user)), text=secret(user), emotion="sad", time=1.0, thread="t")


@pytest.fixture(scope="module")
def store() -> Iterator[ChromaStore]:
    with ChromaStore(index=INDEX) as store:
        for user in HOSTILE:
            remember_turn(store, user, told(user))
        yield store


def texts(items: Sequence[SearchItem]) -> list[str]:
    return [str(item.value["text"]) for item in items]


def test_two_thousand_searches_for_anothers_words_find_only_ones_own(store: ChromaStore) -> None:
    assert len(set(HOSTILE)) == len(HOSTILE)
    pairs = Random(0).sample(list(permutations(HOSTILE, 2)), 2_000)
    assert {user for user, _ in pairs} == {other for _, other in pairs} == set(HOSTILE)
    asked = [SearchOp(user_namespace(user), None, 10, 0, secret(other)) for user, other in pairs]
    for (user, _), found in zip(pairs, store.batch(asked), strict=True):
        assert [item.value["text"] for item in found] == [secret(user)]  # type: ignore[union-attr]


@pytest.mark.parametrize("step", [1, 17])
def test_every_way_in_leads_to_ones_own_turns_only(store: ChromaStore, step: int) -> None:
    for number, user in enumerate(HOSTILE):
        other = HOSTILE[(number + step) % len(HOSTILE)]
        own, theirs = told(user), told(other)
        assert [one.text for one in recall_turns(store, user, theirs.text, 10)] == [own.text]
        assert list_turns(store, user) == [own]
        assert texts(search_items(store, user, theirs.text, 10)) == [own.text]
        assert select_items(store, user, Selection(ids=(theirs.id,))) == []
        assert store.search(user_namespace(user), filter={"user_id": other}) == []
        assert store.get(user_namespace(user), theirs.id) is None
        (line,) = export_turns(store, user)
        assert own.id in line


def test_nobody_is_forgotten_or_overwritten_by_another(store: ChromaStore) -> None:
    for number, user in enumerate(HOSTILE):
        other = HOSTILE[(number + 1) % len(HOSTILE)]
        assert forget_turns(store, user, [told(other).id]) == 0
        store.batch([PutOp(user_namespace(user), told(other).id, None)])
    assert len(select_items(store, None)) == len(HOSTILE)
    half = HOSTILE[::2]
    assert [forget_turns(store, user) for user in half] == [1] * len(half)
    assert sorted(texts(select_items(store, None))) == sorted(map(secret, HOSTILE[1::2]))
