"""A memory on a full disk: it can be opened, listed and deleted from, and nothing is begun that has no room."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import chromadb
import pytest
from hef.contract import Memory, StoreError
from hef.memory import ChromaStore, erase_turns, list_turns, remember_turn
from hef.memory.chroma.disk import disk_room
from hef.memory.chroma.disk.disk_room import RESERVE_FILE


class Usage(NamedTuple):
    free: int


class Disk:
    """A disk whose free room the test says; Chroma opens a folder only where there is some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.free = 10**9
        self._folder = folder
        self._open = chromadb.PersistentClient
        monkeypatch.setattr(disk_room.shutil, "disk_usage", lambda path: Usage(self._room()))
        monkeypatch.setattr(chromadb, "PersistentClient", self._client)

    def _room(self) -> int:
        reserve = self._folder / RESERVE_FILE
        return self.free - (reserve.stat().st_size if reserve.exists() else 0)

    def _client(self, *arguments: Any, **options: Any) -> Any:
        if self._room() <= 0:
            raise RuntimeError("error returned from database: (code: 13) database or disk is full")
        return self._open(*arguments, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Disk:
    disk = Disk(monkeypatch, folder)
    with ChromaStore(folder) as store:
        for number in range(50):
            remember_turn(store, "ana", Memory(id=str(number), text=f"xylophone{number} and more", time=float(number)))
    assert (folder / RESERVE_FILE).stat().st_size == 1 << 20
    return disk


def test_a_memory_on_a_full_disk_is_listed(disk: Disk, folder: Path) -> None:
    disk.free = 1 << 20
    for _ in range(2):
        with ChromaStore(folder) as store:
            assert len(list_turns(store, "ana")) == 50
    assert not (folder / RESERVE_FILE).exists(), "it is not taken again while there is no room"

    disk.free = 10**9
    with ChromaStore(folder) as store:
        assert len(list_turns(store, "ana")) == 50
    assert (folder / RESERVE_FILE).exists()


def test_a_disk_without_a_reserve_says_what_is_wrong(disk: Disk, folder: Path) -> None:
    (folder / RESERVE_FILE).unlink()
    disk.free = 0
    with ChromaStore(folder) as store, pytest.raises(StoreError, match=r"disk is full.*has room"):
        list_turns(store, "ana")


def test_turns_are_forgotten_on_a_full_disk_and_their_words_when_there_is_room(disk: Disk, folder: Path) -> None:
    disk.free = (1 << 19) + 1
    with ChromaStore(folder) as store:
        with pytest.raises(StoreError, match=r"cannot be rewritten: that takes .* MB.*in no search or listing"):
            erase_turns(store, "ana")
        assert list_turns(store, "ana") == []
    with ChromaStore(folder) as store:
        assert list_turns(store, "ana") == []
    assert b"xylophone" in (folder / "chroma.sqlite3").read_bytes()

    disk.free = 10**9
    with ChromaStore(folder) as store:
        assert list_turns(store, "ana") == []
    assert b"xylophone" not in (folder / "chroma.sqlite3").read_bytes()


def test_nothing_is_deleted_where_a_delete_could_not_be_finished(disk: Disk, folder: Path) -> None:
    disk.free = 1 << 18
    with ChromaStore(folder) as store:
        with pytest.raises(StoreError, match=r"Nothing was deleted.*Make room"):
            erase_turns(store, "ana")
        assert len(list_turns(store, "ana")) == 50


def test_a_reserve_grows_with_its_folder(disk: Disk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_room, "_MIN_RESERVE", 1000)
    (folder / RESERVE_FILE).write_bytes(b"x" * 1000)
    with ChromaStore(folder) as store:
        list_turns(store, "ana")
    others = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.name != RESERVE_FILE)
    assert 0.5 * others < (folder / RESERVE_FILE).stat().st_size < 2 * others
