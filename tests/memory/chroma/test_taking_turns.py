"""Processes that take turns with one folder: a store that holds it no longer than it works, and one that waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hef.contract.errors import StoreTimeoutError, is_timeout
from hef.memory import ChromaStore
from langgraph.store.base import PutOp
from processes import fresh, in_child
from store_contract import INDEX, keys


def put_turns(path: Path, name: str, count: int) -> str:
    with ChromaStore(path, index=INDEX, wait=60, hold=False) as store:
        for number in range(count):
            store.put(("a",), f"{name}{number}", {"text": f"dog {name}{number}"})
        return str(len(store.search(("a",), limit=100)))


def found(path: Path) -> str:
    with ChromaStore(path, index=INDEX) as store:
        return " ".join(sorted(keys(store.search((), query="dog", limit=100))))


def found_after_waiting(path: Path, trying: Any) -> str:
    trying.send("trying")
    with ChromaStore(path, index=INDEX, wait=60) as store:
        return " ".join(sorted(keys(store.search((), query="dog"))))


def test_another_process_works_between_the_operations_of_a_store_that_does_not_hold_its_folder(tmp_path: Path) -> None:
    with ChromaStore(tmp_path, index=INDEX, hold=False) as store:
        store.put(("a",), "k", {"text": "a dog"})
        assert in_child(put_turns, tmp_path, "child", 1) == "2"
        assert sorted(keys(store.search((), query="dog"))) == ["child0", "k"]
        store.erase([PutOp(("a",), "child0", None)])
        assert in_child(found, tmp_path) == "k"


def test_a_store_waits_until_the_folder_is_free(tmp_path: Path) -> None:
    here, there = fresh().Pipe()
    results, result = fresh().Pipe(duplex=False)
    store = ChromaStore(tmp_path, index=INDEX)
    store.put(("a",), "k", {"text": "a dog"})
    child = fresh().Process(target=send_found, args=(tmp_path, there, result), daemon=True)
    child.start()
    assert here.poll(60)
    store.close()
    assert results.poll(60)
    assert results.recv() == "k"
    child.join(60)


def send_found(path: Path, trying: Any, result: Any) -> None:
    result.send(found_after_waiting(path, trying))


def find_for_a_moment(path: Path) -> str:
    with ChromaStore(path, index=INDEX, wait=0.05) as store:
        try:
            return str(keys(store.search(())))
        except StoreTimeoutError as error:
            return f"{is_timeout(error)}: {error}"


def test_a_store_that_waited_in_vain_says_who_has_the_folder(tmp_path: Path) -> None:
    with ChromaStore(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
        said = in_child(find_for_a_moment, tmp_path)
    assert said.startswith("True: ")
    assert "open in another process" in said


def test_two_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    results, result = fresh().Pipe(duplex=False)
    child = fresh().Process(target=send_count, args=(tmp_path, result), daemon=True)
    child.start()
    put_turns(tmp_path, "here", 8)
    assert results.poll(60)
    child.join(60)
    assert len(found(tmp_path).split()) == 16


def send_count(path: Path, result: Any) -> None:
    result.send(put_turns(path, "there", 8))


@pytest.mark.parametrize("hold", [True, False])
def test_a_memory_in_this_process_alone_is_kept_between_operations(hold: bool) -> None:
    with ChromaStore(index=INDEX, hold=hold) as store:
        store.put(("a",), "k", {"text": "a dog"})
        assert keys(store.search((), query="dog")) == ["k"]
