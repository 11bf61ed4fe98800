"""What befalls a memory: other processes, forks, full disks, damaged and foreign folders. A turn still answers."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hef.contract import StoreError
from hef.graph import HefContext, create_hef, open_store
from hef.memory import ChromaStore
from langchain_core.messages import HumanMessage
from langgraph.store.base import PutOp

from .store_contract import INDEX, keys

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(work: Callable[[], str], start: str = "fork") -> str:
    """Return what a function returns, or the error it raises, in a process of its own."""
    context: Any = multiprocessing.get_context(start)
    said = context.Queue()
    child = context.Process(target=_say, args=(work, said), daemon=True)
    child.start()
    try:
        return str(said.get(timeout=60))
    finally:
        child.join(10)
        if child.is_alive():
            child.kill()


def _say(work: Callable[[], str], said: Any) -> None:
    try:
        said.put(work())
    except StoreError as error:
        said.put(f"StoreError: {error}")
    except BaseException as error:
        said.put(f"{type(error).__name__}: {error}")


def fill(path: Path, count: int = 3) -> None:
    with ChromaStore.from_path(path, index=INDEX) as store:
        store.batch([PutOp(("a",), str(n), {"text": f"dog {n}"}) for n in range(count)])


def test_a_second_process_is_told_and_may_come_later(tmp_path: Path) -> None:
    def read() -> str:
        with ChromaStore.from_path(tmp_path, index=INDEX) as store:
            return " ".join(keys(store.search(("a",), query="dog")))

    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        said = in_child(read)
        assert said.startswith("StoreError")
        assert "open in another process" in said
        assert "chroma run" in said
        store.put(("a",), "l", {"text": "a dog"})
    assert in_child(read) == "l k"


def test_one_process_may_open_a_folder_twice_and_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "memory")
    one = ChromaStore.from_path(tmp_path / "memory", index=INDEX)
    one.put(("a",), "k", {"text": "a dog"})
    with ChromaStore.from_path(tmp_path / "link", index=INDEX) as other:
        assert keys(other.search((), query="dog")) == ["k"]
        other.put(("a",), "l", {"text": "a dog"})
        assert sorted(keys(one.search((), query="dog"))) == ["k", "l"]
    assert "open in another process" in in_child(lambda: str(ChromaStore.from_path(tmp_path / "memory").search(())))
    one.close()
    assert in_child(lambda: str(len(ChromaStore.from_path(tmp_path / "memory").search(())))) == "2"


def test_a_process_that_dies_frees_the_folder(tmp_path: Path) -> None:
    def die() -> str:
        ChromaStore.from_path(tmp_path).put(("a",), "k", {"n": 1})
        os._exit(9)

    context = multiprocessing.get_context("fork")
    child = context.Process(target=die)
    child.start()
    child.join(60)
    assert child.exitcode == 9
    with ChromaStore.from_path(tmp_path) as store:
        assert keys(store.search(())) == ["k"]


def test_a_forked_child_is_told_instead_of_hanging(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path) as store:
        store.put(("a",), "k", {"n": 1})
        assert "forked" in in_child(lambda: str(store.get(("a",), "k")))
        assert in_child(lambda: str(store.close())) == "None"
        assert store.get(("a",), "k") is not None


def test_a_forked_child_may_make_a_store_of_its_own(tmp_path: Path) -> None:
    def write() -> str:
        with ChromaStore.from_path(tmp_path / "own") as own, ChromaStore.ephemeral() as short:
            own.put(("a",), "k", {"n": 1})
            short.put(("a",), "k", {"n": 2})
            return f"{len(own.search(()))} {len(short.search(()))}"

    untouched = ChromaStore.from_path(tmp_path / "later")
    with ChromaStore.ephemeral() as store, ChromaStore.from_path(tmp_path / "other") as other:
        store.put(("a",), "k", {"n": 1})
        other.put(("a",), "k", {"n": 1})
        assert in_child(write) == "1 1"
        assert in_child(lambda: str(untouched.put(("a",), "k", {"n": 1}))) == "None"
        assert keys(store.search(())) == keys(other.search(())) == ["k"]


def test_a_child_that_outlives_its_parent_keeps_no_folder_locked(tmp_path: Path) -> None:
    store = ChromaStore.from_path(tmp_path)
    store.put(("a",), "k", {"n": 1})
    context = multiprocessing.get_context("fork")
    stay = context.Event()
    child = context.Process(target=stay.wait, args=(60,), daemon=True)
    child.start()
    store.close()
    assert in_child(lambda: str(len(ChromaStore.from_path(tmp_path).search(())))) == "1"
    stay.set()
    child.join(60)


def test_a_full_disk_is_said_and_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    def fill_up() -> str:
        store = ChromaStore.from_path(tmp_path, index=INDEX)
        store.put(("a",), "k", {"text": "a dog"})
        room = max(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) + 100_000
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

    errors, written = json.loads(in_child(fill_up))
    assert errors
    assert all("could not be written" in error and "has room" in error for error in errors)
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


def test_a_read_only_folder_is_said() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)

    def read() -> str:
        with ChromaStore.ephemeral(index=INDEX) as warm:
            warm.put(("a",), "k", {"text": "x"})
        if os.geteuid() == 0:
            # To root every folder is writable; what was imported is at hand.
            os.setuid(65534)
        return str(ChromaStore.from_path(folder / "memory", index=INDEX).get(("a",), "0"))

    try:
        fill(folder / "memory")
        with read_only(folder / "memory"):
            assert "is not writable" in in_child(read)
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


@pytest.mark.parametrize("damage", [make_newer, cut_database, cut_graph, "another process"], ids=str)
def test_a_turn_answers_without_its_memory(damage: Any, tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I hear you."))
    (tmp_path / "memory").mkdir()
    holder: Any = None
    if callable(damage):
        damage(tmp_path / "memory")
    else:
        holder = _held_elsewhere(tmp_path / "memory")
    try:
        store = open_store(tmp_path)
        out = hef.compile(store=store).invoke(
            {"messages": [HumanMessage("My dog died last night.")]}, context=HefContext(user_id="ana")
        )
        store.close()
    finally:
        if holder is not None:
            holder.kill()
            holder.join()
    assert out["messages"][-1].text == "I hear you."
    assert str(tmp_path / "memory") in out["empathy"].degraded


def _held_elsewhere(path: Path) -> Any:
    context = multiprocessing.get_context("fork")
    ready, never = context.Event(), context.Event()

    def hold() -> None:
        store = ChromaStore.from_path(path)
        store.list_namespaces()
        ready.set()
        never.wait()

    holder = context.Process(target=hold, daemon=True)
    holder.start()
    assert ready.wait(60)
    return holder


def test_a_folder_of_the_first_format_is_raised(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a", "b"), "k", {"text": "a dog"})
        store.put(("c",), "k", {"text": "a cat"})
        rows = store._opened.rows  # type: ignore[union-attr]
        spaces = rows.get(where={"space": True}, include=["metadatas"])
        plain = [{name: None for name in held if name[1:].isdigit()} for held in spaces["metadatas"]]
        rows.update(spaces["ids"], metadatas=plain)
        rows.modify(metadata={"hef:format": 1, "hef:dims": INDEX["dims"]})
        assert store.list_namespaces(prefix=("a",)) == []
    for _ in range(2):
        with ChromaStore.from_path(tmp_path, index=INDEX) as store:
            assert store.list_namespaces(prefix=("a",)) == [("a", "b")]
            assert store.list_namespaces(suffix=("c",)) == [("c",)]
            assert keys(store.search((), query="a dog")) == ["k", "k"]
            assert store._opened.rows.metadata["hef:format"] == 2  # type: ignore[union-attr]
