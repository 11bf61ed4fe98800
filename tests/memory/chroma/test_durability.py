"""What befalls a memory: other processes, forks, full disks, damaged and foreign folders. A turn still answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import isqrt
from pathlib import Path
from typing import Any

import pytest
from chroma_server import chroma_server
from hef.contract import StoreError
from hef.graph import HefContext, create_hef, open_store
from hef.memory import ChromaStore
from hef.memory.chroma.client import open_collection as collection
from hef.memory.chroma.rows import Record, is_item_row, is_namespace_row
from langchain_core.messages import HumanMessage
from langgraph.store.base import IndexConfig, PutOp
from processes import fresh, in_child
from store_contract import INDEX, keys

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def fill(path: Path, count: int = 3) -> None:
    with ChromaStore.from_path(path, index=INDEX) as store:
        store.batch([PutOp(("a",), str(n), {"text": f"dog {n}"}) for n in range(count)])


def found(path: Path) -> str:
    with ChromaStore.from_path(path, index=INDEX) as store:
        return " ".join(sorted(keys(store.search((), query="dog"))))


def test_a_second_process_is_told_and_may_come_later(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        said = in_child(found, tmp_path)
        assert said.startswith("StoreError")
        assert "open in another process" in said
        assert "chroma run" in said
        store.put(("a",), "l", {"text": "a dog"})
    assert in_child(found, tmp_path) == "k l"


def test_one_process_may_open_a_folder_twice_and_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "memory")
    one = ChromaStore.from_path(tmp_path / "memory", index=INDEX)
    one.put(("a",), "k", {"text": "a dog"})
    with ChromaStore.from_path(tmp_path / "link", index=INDEX) as other:
        assert keys(other.search((), query="dog")) == ["k"]
        other.put(("a",), "l", {"text": "a dog"})
        assert sorted(keys(one.search((), query="dog"))) == ["k", "l"]
    assert "open in another process" in in_child(found, tmp_path / "memory")
    one.close()
    assert in_child(found, tmp_path / "memory") == "k l"


def put_and_die(path: Path) -> None:
    ChromaStore.from_path(path, index=INDEX).put(("a",), "k", {"text": "a dog"})
    os._exit(9)


def test_a_process_that_dies_frees_the_folder(tmp_path: Path) -> None:
    child = fresh().Process(target=put_and_die, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    assert found(tmp_path) == "k"


def test_a_forked_child_is_told_instead_of_hanging(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path / "memory", index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        for work in (
            lambda: store.get(("a",), "k"),
            lambda: store.put(("a",), "l", {"text": "a dog"}),
            lambda: asyncio.run(store.aget(("a",), "k")),
            store.sweep_ttl,
            lambda: found(tmp_path / "memory"),
            lambda: found(tmp_path / "other"),
            lambda: ChromaStore.ephemeral().search(()),
        ):
            said = in_child(work, fork=True)
            assert said.startswith("StoreError")
            assert "forked" in said
            assert "spawn" in said
        assert in_child(store.close, fork=True) == "None"
        assert keys(store.search((), query="dog")) == ["k"]


def test_a_forked_child_may_use_a_server(tmp_path: Path) -> None:
    before = ChromaStore.ephemeral()
    before.put(("a",), "k", {"n": 1})
    with chroma_server(tmp_path) as url, ChromaStore.from_url(url) as untouched, ChromaStore.from_url(url) as used:
        used.put(("a",), "k", {"n": 1})
        assert in_child(lambda: untouched.put(("a",), "l", {"n": 1}), fork=True) == "None"
        assert "forked" in in_child(lambda: used.get(("a",), "l"), fork=True)
        assert sorted(keys(used.search(()))) == ["k", "l"]
    before.close()


def test_a_child_that_outlives_its_parents_store_keeps_no_folder_locked(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        child = context.Process(target=context.Event().wait, daemon=True)
        child.start()
    assert in_child(found, tmp_path) == "k"
    child.kill()
    child.join()


def fill_up(path: Path) -> str:
    store = ChromaStore.from_path(path, index=INDEX)
    store.put(("a",), "k", {"text": "a dog"})
    room = max(file.stat().st_size for file in path.rglob("*") if file.is_file()) + 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    errors: set[str] = set()
    for n in range(50):
        try:
            store.put(("a",), f"big {n}", {"text": "x" * 50_000})
        except StoreError as error:
            errors.add(str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.put(("a",), "after", {"text": "a dog"})
    return json.dumps([sorted(errors), sorted(keys(store.search(("a",), limit=100)))])


def test_a_full_disk_is_said_and_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    errors, written = json.loads(in_child(fill_up, tmp_path))
    assert errors
    assert all("could not be" in error and "has room" in error for error in errors)
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        assert sorted(keys(store.search((), limit=100))) == written
    assert {"k", "after"} <= set(written)
    assert len(written) < 52


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    files = [folder, *folder.rglob("*")]
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    try:
        yield
    finally:
        for file in files:
            file.chmod(0o755 if file.is_dir() else 0o644)


def read_as_nobody(path: Path) -> str:
    with ChromaStore.ephemeral(index=INDEX) as warm:
        warm.put(("a",), "k", {"text": "x"})
    if os.geteuid() == 0:
        # To root every folder is writable. What was imported is at hand.
        os.setuid(65534)
    return found(path)


def test_a_read_only_folder_is_said() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        fill(folder / "memory")
        with read_only(folder / "memory"):
            assert "is not writable" in in_child(read_as_nobody, folder / "memory")
        assert found(folder / "memory") == "0 1 2"
    finally:
        shutil.rmtree(folder)


def change_metadata(path: Path, name: str, value: int | None) -> None:
    with sqlite3.connect(path / "chroma.sqlite3") as base:
        if value is None:
            base.execute("DELETE FROM collection_metadata WHERE key = ?", (name,))
        else:
            base.execute("UPDATE collection_metadata SET int_value = ? WHERE key = ?", (value, name))
    base.close()


def make_newer(path: Path) -> None:
    fill(path)
    change_metadata(path, "hef:format", 99)


def make_foreign(path: Path) -> None:
    fill(path)
    change_metadata(path, "hef:format", None)


def make_half_migrated(path: Path) -> None:
    """Leave a database as an older Chroma would, but with a change that its migration trips over."""
    fill(path)
    with sqlite3.connect(path / "chroma.sqlite3") as base:
        base.execute("DELETE FROM migrations WHERE dir = 'sysdb' AND version = 10")
    base.close()


def cut_database(path: Path) -> None:
    fill(path)
    os.truncate(path / "chroma.sqlite3", 8192)


def lose_database(path: Path) -> None:
    fill(path, 1500)
    (path / "chroma.sqlite3").unlink()


def cut_graph(path: Path) -> None:
    fill(path, 1500)
    (graph,) = path.glob("*/data_level0.bin")
    os.truncate(graph, graph.stat().st_size // 2)


def lose_graph(path: Path) -> None:
    fill(path, 1500)
    (graph,) = path.glob("*/data_level0.bin")
    graph.unlink()


def garble_graph(path: Path) -> None:
    fill(path, 1500)
    (index,) = path.glob("*/index_metadata.pickle")
    index.write_bytes(b"this is no pickle")


BROKEN = [
    (make_newer, "later version of HEF .*Update HEF"),
    (make_foreign, "not made by ChromaStore"),
    (make_half_migrated, "could not be opened.*restore a copy"),
    (cut_database, "malformed.*restore a copy"),
    (lose_database, "chroma.sqlite3 is missing.*Restore a copy"),
    (cut_graph, "cut short.*Restore a copy"),
    (lose_graph, "incomplete.*Restore a copy"),
    (garble_graph, "could not be .*restore a copy"),
]


@pytest.mark.parametrize(("damage", "said"), BROKEN, ids=[damage.__name__ for damage, _ in BROKEN])
def test_a_broken_or_foreign_folder_is_said(damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    damage(tmp_path / "memory")
    for op in (
        lambda store: store.get(("a",), "1"),
        lambda store: store.search((), query="dog"),
        lambda store: store.put(("a",), "new", {"text": "x"}),
    ):
        store = ChromaStore.from_path(tmp_path / "memory", index=INDEX)
        with pytest.raises(StoreError, match=f"(?s){said}"):
            op(store)
        store.close()


@pytest.mark.parametrize(
    "damage",
    [make_newer, cut_database, cut_graph, "another process"],
    ids=lambda damage: getattr(damage, "__name__", damage),
)
def test_a_turn_answers_without_its_memory(damage: Any, tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I hear you."))
    (tmp_path / "memory").mkdir()
    with contextlib.ExitStack() as stack:
        if callable(damage):
            damage(tmp_path / "memory")
        else:
            stack.enter_context(held_elsewhere(tmp_path / "memory"))
        store = stack.enter_context(open_store(tmp_path))
        out = hef.compile(store=store).invoke(
            {"messages": [HumanMessage("My dog died last night.")]}, context=HefContext(user_id="ana")
        )
    assert out["messages"][-1].text == "I hear you."
    assert str(tmp_path / "memory") in out["empathy"].degraded


def hold(path: Path, ready: Any) -> None:
    store = ChromaStore.from_path(path)
    store.list_namespaces()
    ready.send(True)
    multiprocessing.Event().wait()


@contextmanager
def held_elsewhere(path: Path) -> Iterator[None]:
    ear, mouth = fresh().Pipe(duplex=False)
    holder = fresh().Process(target=hold, args=(path, mouth), daemon=True)
    holder.start()
    assert ear.poll(60)
    try:
        yield
    finally:
        holder.kill()
        holder.join()


def set_format(store: ChromaStore, version: int) -> None:
    rows = store._opened.collection  # type: ignore[union-attr]
    rows.modify(metadata={"hef:format": version, "hef:dims": INDEX["dims"]})


def make_documents(store: ChromaStore) -> None:
    """Lay a folder's items down as the second format did."""
    rows = store._opened.collection  # type: ignore[union-attr]
    held = rows.get(where={"p1": {"$ne": ""}}, include=["metadatas", "embeddings"])
    for row, metadata, vector in zip(held["ids"], held["metadatas"], held["embeddings"], strict=True):
        if is_item_row(row):
            note = Record.from_row(metadata, None).value["note"]
            rows.update(row, vector, {"item": None, "text:note": note}, documents=metadata["item"])
        elif not is_namespace_row(row):
            rows.update(row, vector, documents="")
    set_format(store, 2)


def test_a_folder_of_the_second_format_is_read_written_and_erased(tmp_path: Path) -> None:
    long = "a note that is longer than what Chroma sieves by, " * 2
    index: IndexConfig = {**INDEX, "fields": ["text", "more"]}
    with ChromaStore.from_path(tmp_path, index=index) as store:
        for n in range(3):
            store.put(("a",), str(n), {"text": f"dog {n}", "more": f"cat {n}", "note": f"{long}{n}"})
        store.put(("a",), "mortal", {"text": "a bird", "note": "short"}, ttl=10)
        make_documents(store)
        rows = store._opened.collection  # type: ignore[union-attr]
        assert sum(bool(one) for one in rows.get(include=["documents"])["documents"]) == 5
    with ChromaStore.from_path(tmp_path, index=index) as store:
        assert store.get(("a",), "1").value["note"] == f"{long}1"  # type: ignore[union-attr]
        created = store.get(("a",), "1").created_at  # type: ignore[union-attr]
        assert keys(store.search((), query="cat 2", limit=1)) == ["2"]
        assert keys(store.search((), filter={"note": f"{long}0"})) == ["0"]
        assert sorted(keys(store.search((), filter={"note": {"$ne": "short"}}))) == ["0", "1", "2"]
        store.put(("a",), "1", {"text": "a horse", "note": "new"})
        store.delete(("a",), "2")
        assert store.get(("a",), "1").created_at == created  # type: ignore[union-attr]
        assert keys(store.search((), query="a horse", limit=1)) == ["1"]
        held = store._opened.collection.get(include=["documents", "metadatas"])  # type: ignore[union-attr]
        assert not any("dog 1" in str(one) for one in held["documents"] + held["metadatas"])
        store.erase([PutOp(("a",), "0", None)])
        assert sorted(keys(store.search(("a",)))) == ["1", "mortal"]
        assert store._open().collection.metadata["hef:format"] == 3
    assert not any(b"dog 0" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_folder_of_the_first_format_is_raised(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a", "b"), "k", {"text": "a dog"})
        store.put(("c",), "k", {"text": "a cat"})
        rows = store._opened.collection  # type: ignore[union-attr]
        spaces = rows.get(where={"space": True}, include=["metadatas"])
        plain = [{name: None for name in held if name[1:].isdigit()} for held in spaces["metadatas"]]
        rows.update(spaces["ids"], metadatas=plain)
        set_format(store, 1)
        assert store.list_namespaces(prefix=("a",)) == []
    for _ in range(2):
        with ChromaStore.from_path(tmp_path, index=INDEX) as store:
            assert store.list_namespaces(prefix=("a",)) == [("a", "b")]
            assert store.list_namespaces(suffix=("c",)) == [("c",)]
            assert keys(store.search((), query="a dog")) == ["k", "k"]
            assert store._opened.collection.metadata["hef:format"] == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(("rows", "written"), [(400, 20), (900, 30), (90_000, 50)])
def test_how_often_the_graph_is_written_is_settled_at_opening_by_the_rows(
    rows: int, written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_MIN_SYNC_THRESHOLD", 20)
    monkeypatch.setattr(collection, "_MAX_SYNC_THRESHOLD", 50)

    def puts_between_graphs(store: ChromaStore, puts: int) -> list[int]:
        times: list[int] = []
        for n in range(puts):
            store.put(("a",), f"{n}", {"text": f"word{n}"})
            times += [file.stat().st_mtime_ns for file in tmp_path.glob("*-*/index_metadata.pickle")] or [0]
        changes = [n for n in range(1, puts) if times[n] != times[n - 1]]
        return [later - earlier for earlier, later in pairwise(changes)]

    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        assert set(puts_between_graphs(store, 50)) == {20}
    monkeypatch.setattr(collection, "isqrt", lambda count: isqrt(rows) if count else 0)
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        assert set(puts_between_graphs(store, 2 * written + 25)) == {written}


def test_a_folder_whose_pace_cannot_be_settled_is_read_and_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(rows: object) -> bool:
        raise OSError("no room")

    fill(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(collection, "_tune_sync_threshold", fail)
        with ChromaStore.from_path(tmp_path, index=INDEX) as store:
            assert sorted(keys(store.search((), query="dog"))) == ["0", "1", "2"]
            store.put(("a",), "3", {"text": "dog 3"})
    assert "no room" in caplog.text
    assert found(tmp_path) == "0 1 2 3"
