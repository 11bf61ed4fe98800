"""A person's rights: what is stored can be taken along, and what is forgotten is gone."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hef.contract import Memory, StoreError
from hef.memory import (
    ChromaStore,
    Selection,
    erase_turns,
    export_turns,
    import_turns,
    list_turns,
    recall_turns,
    remember_turn,
    search_items,
    select_items,
    turn_id,
    user_namespace,
)
from hef.memory.chroma.disk import compaction
from hef.memory.chroma.rows import item_row, namespace_hash
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore

DIMS = 64


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Give each text a vector that no other has."""
    seeds = (list(hashlib.sha256(text.encode(errors="surrogatepass")).digest()) for text in texts)
    return [np.random.default_rng(seed).normal(size=DIMS).tolist() for seed in seeds]


INDEX: IndexConfig = {"dims": DIMS, "embed": embed, "fields": ["text"]}


@pytest.fixture(scope="module")
def index() -> IndexConfig:
    return INDEX


def tell(store: BaseStore, user: str, text: str, time: float, thread: str = "t") -> str:
    memory = Memory(
        id=turn_id(thread, f"{text}{time}"),
        text=text,
        reply=f"re {text}",
        emotion="sad",
        causes=("dog",),
        time=time,
        thread=thread,
    )
    remember_turn(store, user, memory)
    return memory.id


def values(store: BaseStore, user: str) -> list[dict[str, object]]:
    return [item.value for item in select_items(store, user)]


def test_a_selection_joins_its_conditions(store: BaseStore) -> None:
    ids = [tell(store, "ana", f"word{n}", float(n), "xyz"[n % 3]) for n in range(9)]
    tell(store, "ben", "word", 1.0, "x")

    def found(**conditions: object) -> list[int]:
        return [ids.index(item.key) for item in select_items(store, "ana", Selection(**conditions))]  # type: ignore[arg-type]

    assert found() == list(range(9))
    assert found(threads=("x",)) == [0, 3, 6]
    assert found(threads=("z", "x", "x", "none")) == [0, 2, 3, 5, 6, 8]
    assert found(threads=()) == []
    assert found(since=3.0, until=6.0) == [3, 4, 5]
    assert found(since=3.0, threads=("x",)) == [3, 6]
    assert found(ids=(ids[4], ids[0], "none")) == [0, 4]
    assert found(ids=(ids[4],), threads=("x",)) == []
    assert len(select_items(store, None)) == 10


def test_an_export_imports_to_an_equal_memory(store: BaseStore) -> None:
    for n in range(20):
        tell(store, "ana", f"straße {n} 悲しい \u2028 \0 '\"\\", float(n), f"thread/{n % 2}")
    tell(store, "b.e/n%2E \ud800", "hello", 1.5)
    lines = list(export_turns(store, None))
    assert len(lines) == 21
    assert all("\n" not in line for line in lines)
    with ChromaStore(index=INDEX) as other:
        done = import_turns(other, [line.encode() for line in lines])
        assert (done.added, done.replaced, done.unchanged, done.broken) == (21, 0, 0, [])
        for user in ("ana", "b.e/n%2E \ud800"):
            assert values(other, user) == values(store, user)
            assert list_turns(other, user) == list_turns(store, user)
        query = "straße 7"
        assert [one.id for one in recall_turns(other, "ana", query, 3)] == [
            one.id for one in recall_turns(store, "ana", query, 3)
        ]


def test_an_import_keeps_the_times_of_creation_and_change(store: BaseStore) -> None:
    tell(store, "ana", "hello", 5.0)
    tell(store, "ana", "hello", 5.0)
    lines = list(export_turns(store, "ana"))
    (item,) = select_items(store, "ana")
    assert item.created_at < item.updated_at
    with ChromaStore(index=INDEX) as other:
        tell(other, "ana", "said after the export", 6.0)
        import_turns(other, lines)
        assert list(export_turns(other, "ana", Selection(until=6.0))) == lines
        other.put(user_namespace("ana"), item.key, {"text": "else"})
        import_turns(other, lines)
        assert list(export_turns(other, "ana", Selection(until=6.0))) == lines, "also of what is replaced"
        older = {**json.loads(lines[0]), "created": "2020-01-01T10:00:00"}
        del older["updated"]
        import_turns(other, [json.dumps(older)], user_id="ben")
        (brought,) = select_items(other, "ben")
        assert brought.created_at.isoformat() == brought.updated_at.isoformat() == "2020-01-01T10:00:00+00:00"


def test_a_store_that_takes_no_times_gives_its_own(store: BaseStore) -> None:
    tell(store, "ana", "hello", 5.0)
    other = InMemoryStore(index=INDEX)
    assert import_turns(other, export_turns(store, "ana")).added == 1
    assert select_items(other, "ana")[0].created_at > select_items(store, "ana")[0].created_at
    assert list_turns(other, "ana") == list_turns(store, "ana")


def test_an_export_holds_all_that_is_stored(store: BaseStore) -> None:
    store.put(user_namespace("ana"), "k", {"text": "x", "id": "k", "later": {"deep": [1, None, 2.5]}})
    (line,) = map(json.loads, export_turns(store, "ana"))
    (item,) = select_items(store, "ana")
    assert line == {
        "user": "ana",
        "id": "k",
        "created": item.created_at.isoformat(),
        "updated": item.updated_at.isoformat(),
        "turn": {"text": "x", "id": "k", "later": {"deep": [1, None, 2.5]}},
    }


def test_an_import_done_twice_changes_nothing(store: BaseStore) -> None:
    for n in range(300):
        tell(store, "ana", f"word{n}", float(n))
    lines = list(export_turns(store, "ana"))
    told: list[int] = []
    done = import_turns(store, lines, report=lambda task, done, total: told.append(done))
    assert (done.added, done.replaced, done.unchanged) == (0, 0, 300)
    assert (len(told), told[-1]) == (2, 300)
    assert list(export_turns(store, "ana")) == lines, "times of creation and of change are as before"


def test_an_import_brings_back_an_older_version_and_what_is_lost(store: BaseStore) -> None:
    ids = [tell(store, "ana", f"word{n}", float(n)) for n in range(3)]
    lines, before = list(export_turns(store, "ana")), values(store, "ana")
    store.put(user_namespace("ana"), ids[0], {"text": "else"})
    store.delete(user_namespace("ana"), ids[1])
    done = import_turns(store, lines)
    assert (done.added, done.replaced, done.unchanged) == (1, 1, 1)
    assert values(store, "ana") == before


def test_an_import_goes_to_the_user_that_is_named(store: BaseStore) -> None:
    tell(store, "ana", "hello", 1.0)
    lines = list(export_turns(store, "ana"))
    import_turns(store, lines, user_id="anna")
    assert [one.text for one in list_turns(store, "anna")] == ["hello"]
    assert values(store, "anna")[0]["user_id"] == "anna"


def test_broken_lines_are_named_and_left_out(store: BaseStore) -> None:
    tell(store, "ana", "hello", 1.0)
    (line,) = export_turns(store, "ana")
    good = json.loads(line)
    bad: list[bytes | str] = [
        b"\xff",
        "{",
        "[]",
        '{"user": "ana"}',
        json.dumps({**good, "user": ""}),
        json.dumps({**good, "id": 3}),
        json.dumps({**good, "turn": {"text": 5}}),
        "[" * 100_000,
        json.dumps({**good, "created": "yesterday"}),
    ]
    done = import_turns(store, [*bad, "\n", b"\xef\xbb\xbf" + line.encode()], user_id="ben")
    assert done.added == 1
    assert [fault.split(" ", 3)[1] for fault in done.broken] == [str(number) for number in range(1, 10)]
    assert "not UTF-8" in done.broken[0]
    assert "not JSON" in done.broken[1]
    assert "turn" in done.broken[2]
    assert "text" in done.broken[6]
    assert "created 'yesterday'" in done.broken[8]


def test_forgetting_takes_what_is_selected_and_nothing_else(store: BaseStore) -> None:
    ids = [tell(store, "ana", f"word{n}", float(n), "xyz"[n % 3]) for n in range(9)]
    tell(store, "ben", "word", 1.0, "x")
    store.put(user_namespace("ana"), "no turn", {"anything": 1})
    assert erase_turns(store, "ana", Selection(threads=("x",))) == 3
    assert erase_turns(store, "ana", Selection(since=7.0)) == 2
    assert erase_turns(store, "ana", Selection(ids=(ids[1],))) == 1
    assert [one.time for one in list_turns(store, "ana")] == [5.0, 4.0, 2.0]
    assert erase_turns(store, "ana") == 4
    assert select_items(store, "ana") == []
    assert len(list_turns(store, "ben")) == 1


class Folder:
    """A memory on disk in which everything about one user can be looked for, byte by byte."""

    def __init__(self, path: Path, ids: list[str]) -> None:
        self.path, self.ids = path, ids
        self.store = ChromaStore(path, index=INDEX)
        self.vectors = np.asarray(embed([f"xylophone{n} qqzebra{n} ꙮ" for n in range(25)]), dtype=np.float32)

    def kept(self) -> tuple[list[Memory], list[tuple[str, float]]]:
        """Return what the other user has, and what a search of theirs gives."""
        found = search_items(self.store, "keeper", "harmless7", 5)
        return list_turns(self.store, "keeper"), [(one.key, round(one.score or 0.0, 5)) for one in found]

    def traces(self, chosen: Sequence[int] = range(25), *, user: bool = True) -> set[str]:
        """Return which files hold a word, an id or a vector of the chosen turns, or the user's name."""
        space = user_namespace("zelda.quux")
        needles = [text for n in chosen for text in (f"xylophone{n} ", f"qqzebra{n} ", self.ids[n])]
        needles += [item_row(space, self.ids[n]) for n in chosen]
        needles += [*space, "zelda.quux", "jazz", namespace_hash(space)][2:] if user else []
        found: set[str] = set()
        for file in self.path.rglob("*"):
            held = file.read_bytes() if file.is_file() else b""
            if any(needle.encode() in held for needle in needles):
                found.add(file.name)
            if any(_holds(held, self.vectors[n]) for n in chosen):
                found.add(f"vector in {file.name}")
        return found | ({"full text"} if user and self._full_text() else set())

    def _full_text(self) -> bool:
        """Tell whether the index of trigrams still knows the sign that only the forgotten turns have."""
        with closing(sqlite3.connect(self.path / "chroma.sqlite3")) as database:
            blocks = database.execute("SELECT block FROM embedding_fulltext_search_data").fetchall()
        return any("ꙮ".encode() in block for (block,) in blocks)


def _holds(held: bytes, vector: np.ndarray) -> bool:
    """Look for a vector at any offset, at its length or scaled to length 1 as Chroma's graph keeps it."""
    for scale in (1.0, float(np.linalg.norm(vector))):
        wanted = vector / scale
        for offset in range(4):
            numbers = np.frombuffer(held, np.float32, (len(held) - offset) // 4, offset) if len(held) > offset else []
            if len(numbers) >= len(wanted):
                windows = np.lib.stride_tricks.sliding_window_view(numbers, len(wanted))
                with np.errstate(all="ignore"):
                    likely = np.flatnonzero(np.abs(windows[:, 0] - wanted[0]) < 1e-5)
                    if (np.abs(windows[likely] - wanted) < 1e-5).all(axis=1).any():
                        return True
    return False


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a memory on disk of one user who stays and one who is forgotten, and the ids of the latter's turns."""
    path = tmp_path_factory.mktemp("written") / "memory"
    with ChromaStore(path, index=INDEX) as store:
        for n in range(40):
            tell(store, "keeper", f"harmless{n}", float(n))
        return path, [tell(store, "zelda.quux", f"xylophone{n} qqzebra{n} ꙮ", float(n), "jazz") for n in range(25)]


@pytest.fixture
def folder(written: tuple[Path, list[str]], tmp_path: Path) -> Iterator[Folder]:
    path, ids = written
    folder = Folder(shutil.copytree(path, tmp_path / "memory"), ids)
    yield folder
    folder.store.close()


def test_deleting_alone_leaves_traces_which_this_search_finds(folder: Folder) -> None:
    for id in folder.ids:
        folder.store.delete(user_namespace("zelda.quux"), id)
    folder.store.close()
    assert {"chroma.sqlite3", "vector in chroma.sqlite3"} <= folder.traces()


def test_a_forgotten_user_leaves_no_trace_in_the_files(folder: Folder) -> None:
    before = folder.kept()
    assert erase_turns(folder.store, "zelda.quux") == 25
    assert folder.traces() == set()
    assert folder.kept() == before
    folder.store.close()
    assert folder.traces() == set()
    assert {file.name for file in folder.path.iterdir() if file.is_file()} == {"chroma.sqlite3", "hef.lock", "reserve"}


def test_who_forgets_all_leaves_no_trace_and_goes_on_in_the_same_process(folder: Folder) -> None:
    for _ in range(2):
        for user in ("zelda.quux", "keeper"):
            erase_turns(folder.store, user)
        assert folder.store.search(()) == folder.store.search((), query="harmless7") == []
        assert folder.store.list_namespaces() == []
        tell(folder.store, "keeper", "a beginning", 1.0)
        assert len(list_turns(folder.store, "keeper")) == 1
        folder.store.close()
        assert folder.traces() == set()
        folder.store = ChromaStore(folder.path, index=INDEX)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_graph_of_a_few_turns_is_not_made_anew_from_old_memory(tmp_path: Path, kept: int) -> None:
    def graph() -> tuple[bytes, int]:
        (file,) = tmp_path.glob("*/data_level0.bin")
        return file.read_bytes(), file.stat().st_mtime_ns

    with ChromaStore(tmp_path, index=INDEX) as store:
        ids = [tell(store, "ana", f"word{n}", float(n)) for n in range(4)]
        erase_turns(store, "ana", Selection(ids=tuple(ids[kept:])))
        before = graph()
        assert len(list_turns(store, "ana")) == kept
        tell(store, "ana", "afterwards", 9.0)
        assert [item.value["text"] for item in search_items(store, "ana", "afterwards", 1)] == ["afterwards"]
    assert graph() == before


def test_a_forgotten_turn_leaves_no_trace_and_the_others_stay(folder: Folder) -> None:
    before = list_turns(folder.store, "zelda.quux")
    assert erase_turns(folder.store, "zelda.quux", Selection(since=3.0, until=6.0)) == 3
    assert folder.traces([3, 4, 5], user=False) == set()
    assert list_turns(folder.store, "zelda.quux") == [one for one in before if one.time not in (3.0, 4.0, 5.0)]
    tell(folder.store, "zelda.quux", "a word afterwards", 99.0)
    assert recall_turns(folder.store, "zelda.quux", "a word afterwards", 1)[0].time == 99.0


def test_a_graph_on_disk_is_written_anew_and_keeps_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hef.memory.chroma.client.open_collection._MIN_SYNC_THRESHOLD", 20)
    with ChromaStore(tmp_path, index=INDEX) as store:
        opened = store._open()
        ids = [tell(store, "ana", f"unusual{n} sentence", float(n)) for n in range(60)]
        store.put(("plain",), "k", {"text": "without a vector"}, index=False)
        before = store.search(("hef",), query="unusual7", limit=100), store.search(("plain",), query="unusual7")
        settings = opened.collection.configuration_json["hnsw"]
        assert erase_turns(store, "ana", Selection(ids=tuple(ids[30:]))) == 30
        vectors = np.asarray(embed([f"unusual{n} sentence" for n in range(30, 60)]), dtype=np.float32)
        files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        assert not any(_holds(held, vector) for held in files for vector in vectors)
        assert store._open().collection.configuration_json["hnsw"] == settings
        kept = [item for item in before[0] if item.key in ids[:30]]
        assert [
            (item.key, item.value, item.created_at) for item in store.search(("hef",), query="unusual7", limit=100)
        ] == [(item.key, item.value, item.created_at) for item in kept]
        assert [item.score for item in store.search(("plain",), query="unusual7")] == [None]
        assert len(list(tmp_path.glob("*/data_level0.bin"))) == 1


@pytest.mark.parametrize("step", ["_drop", "_copy", "_swap_names", "_purge", "blank_unused", "mid-copy", "sqlite"])
def test_erasing_that_is_broken_off_loses_nothing_and_is_finished_later(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Dead(BaseException):
        """As if the process were killed: nothing tidies up."""

    def die(*_: object, **__: object) -> None:
        raise Dead

    before = folder.kept()
    with monkeypatch.context() as patch:
        if step == "mid-copy":
            patch.setattr(compaction, "_PAGE", 7)
            report = die
        else:
            report = None
            if step == "sqlite":
                patch.setattr(compaction.shutil, "rmtree", die)
            else:
                patch.setattr(compaction, step, die)
        with pytest.raises(Dead):
            erase_turns(folder.store, "zelda.quux", report=report)
    folder.store.close()
    folder.store = ChromaStore(folder.path, index=INDEX)
    assert list_turns(folder.store, "zelda.quux") == []
    assert folder.kept() == before
    folder.store.close()
    assert folder.traces() == set()
    assert not (folder.path / "erasing").exists()


def test_what_cannot_be_compacted_yet_is_still_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_purge", full)
        with pytest.raises(StoreError, match="disk is full"):
            erase_turns(folder.store, "zelda.quux")
        assert len(folder.kept()[0]) == 40
        assert "Traces of what was deleted" in caplog.text
    folder.store.close()
    folder.store = ChromaStore(folder.path, index=INDEX)
    assert len(folder.kept()[0]) == 40
    assert folder.traces() == set()


def test_a_graph_of_unknown_form_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.memory.chroma.chroma_internals.HNSW_VERSION", 2)
    with pytest.raises(StoreError, match="form that this version does not know"):
        erase_turns(folder.store, "zelda.quux")


def test_a_folder_that_another_store_has_open_is_not_rewritten_under_it(folder: Folder) -> None:
    with ChromaStore(folder.path, index=INDEX) as other:
        assert len(list_turns(other, "keeper")) == 40
        with pytest.raises(StoreError, match="open in another store of this process"):
            erase_turns(folder.store, "zelda.quux")
        assert list_turns(other, "zelda.quux") == []
        tell(other, "keeper", "written meanwhile", 50.0)
    folder.store.close()
    folder.store = ChromaStore(folder.path, index=INDEX)
    assert len(list_turns(folder.store, "keeper")) == 41
    assert folder.traces() == set()


def test_collections_of_others_in_the_folder_stay(folder: Folder) -> None:
    with ChromaStore(folder.path, collection="other") as other:
        other.put(("a",), "k", {"text": "theirs"})
    assert erase_turns(folder.store, "zelda.quux") == 25
    assert folder.traces() == set()
    with ChromaStore(folder.path, collection="other") as other:
        assert [item.value for item in other.search(("a",))] == [{"text": "theirs"}]


def test_what_is_written_by_another_thread_meanwhile_is_kept(folder: Folder) -> None:
    started = threading.Event()

    def write() -> None:
        started.wait()
        for n in range(20):
            tell(folder.store, "keeper", f"meanwhile{n}", 1000.0 + n)

    writer = threading.Thread(target=write)
    writer.start()
    erase_turns(folder.store, "zelda.quux", report=lambda task, done, total: started.set())
    writer.join()
    assert len(list_turns(folder.store, "keeper")) == 60
    assert folder.traces() == set()
