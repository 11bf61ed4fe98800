"""Turns whose vectors another SEM made are noticed, once for each person, and can be embedded anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hef.contract import Memory, SetupError
from hef.contract.sync_async import run_sync
from hef.contract.text import split_clauses
from hef.memory import (
    STALE_VECTORS,
    ChromaStore,
    StaleVectorNotice,
    forget_turns,
    has_stale_vectors,
    list_turns,
    mark_turn,
    recall_turns,
    reembed_turns,
    remember_turn,
    remember_turns,
)
from hef.memory.turns import INDEXED
from langchain_core.embeddings import Embeddings
from langgraph.store.memory import InMemoryStore

Embed = Callable[[list[str]], list[list[float]]]
SAID = ["My dog died.", "我的狗昨晚死了", "I passed my exam!", "我升职了，真高兴"]


def by_letters(shift: int, *, only_chinese: bool = False) -> Embed:
    """Return an embedding that counts letters, turned by some places: another SEM, perhaps for Chinese alone."""

    def embed(texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for text in texts:
            turn = 0 if only_chinese and text.isascii() else shift
            counts = [0.0] * 16
            for letter in text:
                counts[(ord(letter) + turn * ord(letter) ** 2) % 16] += 1.0
            vectors.append(counts)
        return vectors

    return embed


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., ChromaStore]]:
    stores: list[ChromaStore] = []

    def opened(embed: Embed) -> ChromaStore:
        for store in stores:
            store.close()
        stores.append(ChromaStore(tmp_path, index={"dims": 16, "embed": embed, "fields": ["text"]}))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def tell(store: Any, user: str = "ana", said: list[str] = SAID, **fields: Any) -> None:
    remember_turns(
        store, user, [Memory(id=f"{user}{n}", text=text, time=1e9 + n, **fields) for n, text in enumerate(said)]
    )


@pytest.mark.parametrize("only_chinese", [False, True])
def test_vectors_of_another_sem_are_noticed_and_mended(opened: Any, *, only_chinese: bool) -> None:
    store = opened(by_letters(0))
    tell(store)
    mark_turn(store, "ana", "ana2", pinned=True)
    assert not has_stale_vectors(store, "ana")

    store = opened(by_letters(3, only_chinese=only_chinese))
    before = list_turns(store, "ana")
    times = [item.updated_at for item in store.search(("hef", "turns", "ana"))]
    assert has_stale_vectors(store, "ana")
    assert reembed_turns(store) == len(SAID)

    assert not has_stale_vectors(store, "ana")
    assert list_turns(store, "ana") == before
    assert [item.updated_at for item in store.search(("hef", "turns", "ana"))] == times
    assert recall_turns(store, "ana", SAID[1], 1)[0].text == SAID[1]
    assert next(memory.text for memory in recall_turns(store, "ana", "!", 1, with_pinned=True)) == SAID[2]


def test_one_old_turn_among_newer_ones_is_noticed(opened: Any) -> None:
    tell(opened(by_letters(0)), said=["我的狗昨晚死了"])
    store = opened(by_letters(3))
    remember_turns(store, "ana", [Memory(id=f"new{n}", text=f"今天又是平常的一天{n}") for n in range(9)])

    assert has_stale_vectors(store, "ana")


def test_turns_with_characters_and_of_everybody_are_embedded_anew(opened: Any) -> None:
    store = opened(by_letters(0))
    tell(store, "ana", character="mia")
    tell(store, "ben")

    store = opened(by_letters(5))
    assert has_stale_vectors(store, "ana")
    assert has_stale_vectors(store, "ben")
    seen: list[tuple[int, int | None]] = []
    assert reembed_turns(store, lambda _, done, total: seen.append((done, total))) == 2 * len(SAID)

    assert seen[-1] == (8, 8)
    assert not has_stale_vectors(store, "ana")
    assert not has_stale_vectors(store, "ben")
    assert len(list_turns(store, "ana", character="mia")) == len(SAID)


def test_each_person_is_told_once(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(by_letters(0))
    tell(store, "ana")
    tell(store, "ben")
    store = opened(by_letters(5))
    notice = StaleVectorNotice()

    assert [notice.take(store, user) for user in ("ana", "ana", "ben", "cleo", "ben")] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert [record.getMessage() for record in caplog.records] == [STALE_VECTORS] * 2


@pytest.mark.parametrize("said", [[], ["👍"], ["..."], ["42"]])
def test_turns_without_words_tell_nothing(opened: Any, said: list[str]) -> None:
    tell(opened(by_letters(0)), said=said)

    assert not has_stale_vectors(opened(by_letters(3)), "ana")


def test_a_store_without_vectors_and_one_of_a_host_are_left_alone(tmp_path: Path) -> None:
    host = InMemoryStore(index={"dims": 16, "embed": by_letters(0), "fields": ["text"]})
    tell(host)
    with ChromaStore(tmp_path / "plain") as plain:
        remember_turn(plain, "ana", Memory(id="1", text="My dog died."))

        assert not has_stale_vectors(plain, "ana")
        with pytest.raises(SetupError, match="without an embedding"):
            reembed_turns(plain)
    assert not has_stale_vectors(host, "ana")
    with pytest.raises(SetupError, match="InMemoryStore"):
        reembed_turns(host)


def test_an_embedding_that_reads_questions_in_another_way_is_no_other_one(tmp_path: Path) -> None:
    class Asymmetric(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return by_letters(0)(texts)

        def embed_query(self, text: str) -> list[float]:
            return by_letters(7)([text])[0]

    with ChromaStore(tmp_path, index={"dims": 16, "embed": Asymmetric(), "fields": ["text"]}) as store:
        tell(store)

        assert not has_stale_vectors(store, "ana")


def test_what_is_said_again_does_not_hide_what_was_embedded_before(opened: Any) -> None:
    tell(opened(by_letters(0)), said=["hello", "My dog died."])
    store = opened(by_letters(3))
    remember_turn(store, "ana", Memory(id="again", text="hello"))

    assert has_stale_vectors(store, "ana")


def test_how_long_a_turn_is_kept_stays(opened: Any) -> None:
    store = opened(by_letters(0))
    tell(store, expires=time.time() + 600)
    before = [(item.key, item.created_at, item.updated_at) for item in store.search(("hef", "turns", "ana"))]
    store = opened(by_letters(3))

    store.reembed(("hef", "turns"), INDEXED)
    assert [(item.key, item.created_at, item.updated_at) for item in store.search(("hef", "turns", "ana"))] == before
    expiries = run_sync(store._on_table(_expiries, blocking=True))
    assert all(time.time() < expires < time.time() + 601 for expires in expiries)
    assert len(expiries) == len(SAID)


async def _expiries(table: Any) -> list[float]:
    rows = await table.get(await table.ids({"p3": {"$ne": ""}}))
    return [metadata["expires"] for metadata, _ in rows.values() if "expires" in metadata]


def test_interrupted_it_is_still_said_to_be_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.memory.chroma.stored_vectors._BATCH", 1)
    calls: list[int] = []

    def failing(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        return by_letters(5)(texts)

    with ChromaStore(tmp_path, index={"dims": 16, "embed": by_letters(0), "fields": ["text"]}) as store:
        tell(store)
    with ChromaStore(tmp_path, index={"dims": 16, "embed": failing, "fields": ["text"]}) as store:
        with pytest.raises(RuntimeError):
            reembed_turns(store)
        assert has_stale_vectors(store, "ana")
        reembed_turns(store)
        assert not has_stale_vectors(store, "ana")


def test_clauses_have_their_own_vectors_and_other_fields_of_the_store_do_not_count(tmp_path: Path) -> None:
    long = "My dog died last night, and my sister passed her exam, and it rains."
    with ChromaStore(tmp_path, index={"dims": 16, "embed": by_letters(0)}) as store:
        tell(store, said=[long])
        assert not has_stale_vectors(store, "ana")
    with ChromaStore(tmp_path, index={"dims": 16, "embed": by_letters(5)}) as store:
        assert has_stale_vectors(store, "ana")
        reembed_turns(store)

        assert not has_stale_vectors(store, "ana")
        for clause in split_clauses(long):
            assert store.search(("hef", "turns", "ana"), query=clause)[0].score == pytest.approx(1.0, abs=1e-4)


@contextmanager
def reembedded_while(path: Path, act: Callable[[ChromaStore], None]) -> Iterator[ChromaStore]:
    """Yield a store whose turns were embedded anew, while something was done to them through another handle."""

    def embed(texts: list[str]) -> list[list[float]]:
        act(other)
        return by_letters(5)(texts)

    with (
        ChromaStore(path, index={"dims": 16, "embed": by_letters(5), "fields": ["text"]}) as other,
        ChromaStore(path, index={"dims": 16, "embed": embed, "fields": ["text"]}) as store,
    ):
        tell(other)
        reembed_turns(store)
        yield other


def test_a_turn_that_is_edited_meanwhile_keeps_what_its_own_put_made(tmp_path: Path) -> None:
    edited = Memory(id="ana1", text="完全不一样的话", time=1e9)
    with reembedded_while(tmp_path, lambda store: remember_turn(store, "ana", edited)) as store:
        best = store.search(("hef", "turns", "ana"), query=edited.text)[0]

        assert (best.key, best.score) == ("ana1", pytest.approx(1.0, abs=1e-4))


def test_what_is_forgotten_meanwhile_stays_forgotten(tmp_path: Path) -> None:
    with reembedded_while(tmp_path, lambda store: _forget(store, "ana1")) as store:
        assert [memory.id for memory in list_turns(store, "ana")] == ["ana3", "ana2", "ana0"]


def _forget(store: ChromaStore, id: str) -> None:
    forget_turns(store, "ana", [id])
