from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hef.contract import SetupError, StoreError
from hef.memory import ChromaStore
from hef.memory.chroma.client.row_access import Table
from hef.memory.chroma.writer_queue import WRITERS
from langgraph.store.base import GetOp, InvalidNamespaceError, PutOp, SearchOp
from store_contract import DIMS, INDEX, embed, keys


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with ChromaStore(index=INDEX) as store:
        yield store


def test_importing_and_making_a_store_loads_no_chroma(tmp_path: Path) -> None:
    code = (
        f"import sys, hef.memory; hef.memory.ChromaStore({str(tmp_path / 'm')!r}); assert 'chromadb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert not (tmp_path / "m").exists()


def test_created_at_is_kept_on_update(store: ChromaStore) -> None:
    store.put(("a",), "k", {"text": "x"})
    first = store.get(("a",), "k")
    store.put(("a",), "k", {"text": "y"})
    second = store.get(("a",), "k")
    assert first is not None
    assert second is not None
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


def test_items_come_newest_first(store: ChromaStore) -> None:
    for n in range(5):
        store.put(("a",), str(n), {"n": n})
    assert keys(store.search(("a",))) == ["4", "3", "2", "1", "0"]


def test_ops_given_straight_to_batch_are_checked(store: ChromaStore) -> None:
    for op in (GetOp(("a.b",), "k"), SearchOp(("a", "")), PutOp(("x\0",), "k", {})):
        with pytest.raises(InvalidNamespaceError):
            store.batch([op])


def test_an_empty_namespace_is_dropped_from_the_list(store: ChromaStore) -> None:
    store.put(("a",), "k", {"text": "x"})
    store.put(("a", "b"), "k", {"text": "x"})
    store.delete(("a",), "k")
    assert store.list_namespaces() == [("a", "b")]
    store.delete(("a", "b"), "k")
    assert store.list_namespaces() == []


def test_two_stores_in_memory_are_two(store: ChromaStore) -> None:
    store.put(("a",), "k", {"text": "x"})
    with ChromaStore(index=INDEX) as other:
        assert other.search(()) == []


def test_a_store_in_a_folder_lasts(tmp_path: Path) -> None:
    with ChromaStore(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "my dog died"})
        before = store.get(("a",), "k")
    with ChromaStore(tmp_path, index=INDEX) as store:
        assert store.get(("a",), "k") == before
        assert keys(store.search((), query="dog")) == ["k"]
        assert store.list_namespaces() == [("a",)]
    with ChromaStore(tmp_path) as reader:
        assert reader.get(("a",), "k") == before


def test_collections_in_one_folder_are_apart(tmp_path: Path) -> None:
    with ChromaStore(tmp_path, collection="one") as one, ChromaStore(tmp_path, collection="two") as two:
        one.put(("a",), "k", {"n": 1})
        assert two.get(("a",), "k") is None
    with ChromaStore(tmp_path, collection="one") as one:
        assert one.get(("a",), "k") is not None


def test_a_batch_larger_than_a_write_of_chroma() -> None:
    with ChromaStore() as store:
        store.batch([PutOp(("big",), str(n), {}) for n in range(5600)])
        assert len(store.search(("big",), limit=7000)) == 5600


def test_many_equal_vectors_hide_nothing(store: ChromaStore) -> None:
    store.batch([PutOp(("same",), str(n), {"text": "yes", "kind": f"k{n % 100}"}) for n in range(1100)])
    store.put(("same",), "odd", {"text": "my dog died"})
    assert keys(store.search(("same",), query="the dog died", limit=1)) == ["odd"]
    assert len(store.search(("same",), query="yes", limit=2000)) == 1101
    assert len(store.search((), query="yes", filter={"kind": "k7"}, limit=50)) == 11
    assert all(item.score == pytest.approx(1) for item in store.search((), query="yes", limit=3))


def test_a_search_among_few_rows_asks_chroma_once_and_among_more_twice(
    store: ChromaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    read = Table._read

    async def counted(table: Table, **wanted: object) -> object:
        asked.append(wanted)
        return await read(table, **wanted)

    def calls(space: str) -> int:
        asked.clear()
        first = [item.score for item in store.search((space,), query="t1", limit=5)]
        count = len(asked)
        assert first == [item.score for item in store.search((space,), query="t1", limit=5)]
        return count if len(asked) == 2 * count else -1

    for n in range(30):
        store.put(("few",) if n < 4 else ("many",), str(n), {"text": f"t{n % 4}"})
    store.search(("many",), query="t1")
    monkeypatch.setattr(Table, "_read", counted)
    assert calls("few") == 1
    assert calls("many") == 2
    store.batch([PutOp(("many",), str(n), None) for n in range(5, 29)])
    assert keys(store.search(("many",), query="t1")) == ["29", "4"]


def test_a_large_memory_is_searched_by_the_graph(store: ChromaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.memory.chroma.search._MAX_VECTORS_READ_AT_ONCE", 10)
    monkeypatch.setattr("hef.memory.chroma.search._MAX_EXACT", 20)
    store.batch([PutOp(("g",), str(n), {"text": f"a{n} b{n} c{n}", "even": n % 2 == 0}) for n in range(100)])
    store.put(("g",), "bare", {"text": "a7 b7 c7"}, index=False)
    store.put(("g",), "twice", {"text": "a7 x", "more": "b7 y"}, index=["text", "more"])
    first, *rest = store.search(("g",), query="a7 b7 c7", limit=40)
    assert first.key == "7"
    assert first.score == pytest.approx(1)
    assert {"bare", "twice"} & set(keys(rest)) == {"twice"}
    assert len(set(keys(rest))) == 39
    assert "7" not in keys(store.search(("g",), query="a7 b7 c7", filter={"even": True}, limit=40))
    nested = store.search(("g",), query="a7 b7 c7", filter={"text": ["push", "down", "fails"]}, limit=1)
    assert nested == []
    assert keys(store.search(("g",), query="a7 b7 c7", limit=500))[-1] == "bare"


def test_ranges_pass_over_what_cannot_be_compared(store: ChromaStore) -> None:
    for key, held in {
        "no": {},
        "none": {"n": None},
        "word": {"n": "x"},
        "digits": {"n": "3"},
        "inf": {"n": 1e999},
    }.items():
        store.put(("r",), key, held)
    assert sorted(keys(store.search(("r",), filter={"n": {"$gt": 2}}))) == ["digits", "inf"]
    assert keys(store.search(("r",), filter={"n": {"$gt": "w"}})) == ["word"]


def test_values_that_json_cannot_hold_are_refused_and_nothing_is_written(store: ChromaStore) -> None:
    with pytest.raises(StoreError, match="cannot be stored"):
        store.batch([PutOp(("a",), "good", {"n": 1}), PutOp(("a",), "bad", {"n": object()}, index=False)])
    assert store.search(()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "under"):
        store = ChromaStore(path)
        with pytest.raises(StoreError, match="cannot be made"):
            store.get(("a",), "k")


def test_a_damaged_file_is_said_and_its_repair_noticed(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"this is no database" * 500)
    store = ChromaStore(tmp_path)
    with pytest.raises(StoreError, match=r"could not be opened: .*not a database.*restore a copy"):
        store.get(("a",), "k")
    (tmp_path / "chroma.sqlite3").unlink()
    store.put(("a",), "k", {"n": 1})
    assert store.get(("a",), "k") is not None
    store.close()


def test_damage_inside_the_file_is_said(tmp_path: Path) -> None:
    with ChromaStore(tmp_path) as store:
        store.put(("a",), "k", {"n": 1})
    file = tmp_path / "chroma.sqlite3"
    file.write_bytes(file.read_bytes()[:4096] + b"\x55" * (file.stat().st_size - 4096))
    with pytest.raises(StoreError, match="malformed"):
        ChromaStore(tmp_path).get(("a",), "k")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreError, match="chroma run"):
        ChromaStore(url="http://127.0.0.1:9").get(("a",), "k")


def test_other_dims_than_stored(tmp_path: Path) -> None:
    with ChromaStore(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "x"})
    with pytest.raises(StoreError, match=rf"{DIMS} numbers, the index says dims=3"):
        ChromaStore(tmp_path, index={"dims": 3, "embed": embed}).get(("a",), "k")


def test_an_empty_collection_takes_other_dims(tmp_path: Path) -> None:
    with ChromaStore(tmp_path) as store:
        assert store.search(()) == []
    with ChromaStore(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "x"})
        assert keys(store.search((), query="x")) == ["k"]


def test_an_embedding_of_other_dims_than_told() -> None:
    with ChromaStore(index={"dims": 3, "embed": embed}) as store, pytest.raises(StoreError, match="dims=3"):
        store.put(("a",), "k", {"text": "x"})


def test_a_collection_of_somebody_else(tmp_path: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(tmp_path, Settings(anonymized_telemetry=False))
    client.create_collection("hef", embedding_function=None)
    with pytest.raises(StoreError, match="not made by"):
        ChromaStore(tmp_path).get(("a",), "k")


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "x", "url": "http://localhost:8000"},
        {"url": "localhost:8000"},
        {"index": {"dims": 3}},
        {"index": {"embed": embed}},
        {"index": {"dims": 0, "embed": embed}},
    ],
)
def test_wrong_arguments_are_said_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(SetupError):
        ChromaStore(**wrong)  # type: ignore[arg-type]


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = ChromaStore(tmp_path)
    store.put(("a",), "k", {"n": 1})
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get(("a",), "k")


def test_threads_open_and_write_at_once(tmp_path: Path) -> None:
    stores = [ChromaStore(tmp_path, index=INDEX) for _ in range(2)]
    start, failed = threading.Barrier(8), []

    def work(worker: int) -> None:
        start.wait()
        try:
            for n in range(5):
                stores[worker % 2].put(("t", str(worker)), str(n), {"text": f"turn {n} of {worker}"})
                stores[worker % 2].search(("t",), query="turn")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(stores[0].search((), limit=100)) == 40
    for store in stores:
        store.close()


async def test_many_concurrent_batches(store: ChromaStore) -> None:
    await asyncio.gather(*(store.aput(("a", f"u{n % 10}"), str(n), {"text": f"turn {n}"}) for n in range(100)))
    found = await asyncio.gather(*(store.asearch(("a", f"u{n}"), query="turn", limit=50) for n in range(10)))
    assert [len(items) for items in found] == [10] * 10


async def test_an_async_embedding() -> None:
    async def slow(texts: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(0)
        return embed(texts)

    with ChromaStore(index={"dims": DIMS, "embed": slow, "fields": ["text"]}) as store:
        await store.aput(("a",), "k", {"text": "a dog"})
        assert keys(await store.asearch(("a",), query="dog")) == ["k"]


def test_a_read_joins_no_writer_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        slot = WRITERS.enqueue([(store._location, ("a",))])
        try:
            monkeypatch.setattr(WRITERS, "enqueue", None)
            assert keys(store.search(("a",), query="dog")) == ["k"]
            assert keys(asyncio.run(store.asearch(("a",), query="dog"))) == ["k"]
            assert store.sweep_ttl() == 0
        finally:
            WRITERS.leave(slot)
            monkeypatch.undo()
        written = threading.Event()
        threading.Thread(target=lambda: (store.put(("a",), "l", {"text": "x"}), written.set())).start()
        assert written.wait(30)
