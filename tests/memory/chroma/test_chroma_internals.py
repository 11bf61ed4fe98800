"""The private parts of Chroma that the memory relies on are as `chroma_internals` describes them.

When Chroma changes one of them, the test that names it fails, and says what it is used for.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import chromadb
import pytest
from chroma_server import chroma_server
from chromadb.api.async_fastapi import AsyncFastAPI
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.api.types import EmbeddingFunction
from chromadb.config import Settings
from chromadb.utils.embedding_functions import register_embedding_function
from hef.contract import StoreError
from hef.memory import ChromaStore
from hef.memory.chroma import chroma_internals as internals
from hef.memory.chroma.client import open_collection
from store_contract import INDEX, keys

ROWS = 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a closed folder whose vector index was written once, and lacks two rows since."""
    monkeypatch.setattr(open_collection, "_MIN_SYNC_THRESHOLD", ROWS + 1)
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        for n in range(ROWS + 2):
            store.put(("a",), str(n), {"text": f"dog {n}"})
    assert internals.wait_until_closed(tmp_path)
    return tmp_path


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    client: Any = chromadb.PersistentClient(tmp_path, Settings(anonymized_telemetry=False))
    yield client
    client.close()


def test_the_installed_version_is_one_that_was_tested() -> None:
    assert internals.is_tested(version("chromadb")), "read chroma_internals against this version, then widen its range"


def test_chromas_clients_have_the_names_that_are_used() -> None:
    assert internals.missing_attributes() == [], "used to drop a client whose folder failed"
    assert isinstance(AsyncFastAPI._clients, dict), "used to drop connections of an event loop that is gone"


def test_systems_are_kept_and_counted_by_folder(client: Any, tmp_path: Path) -> None:
    assert client._identifier == str(tmp_path), "folders are told apart by this name"
    assert SharedSystemClient._identifier_to_refcount[str(tmp_path)] >= 1, "open folders are not counted"
    assert internals.has_clients(tmp_path)
    system = internals.current_system(client)
    assert system is SharedSystemClient._identifier_to_system[str(tmp_path)]
    client.close()
    assert not internals.has_clients(tmp_path), "a closed client is still counted"
    assert internals.current_system(client) is None


def test_a_stopped_system_is_replaced_by_a_new_one(client: Any, tmp_path: Path) -> None:
    system = internals.current_system(client)
    assert internals.stop_system(client)
    assert not internals.stop_system(client)
    other: Any = chromadb.PersistentClient(tmp_path, Settings(anonymized_telemetry=False))
    assert internals.current_system(other) is not system
    assert internals.current_system(client) is None, "the old client must not be taken for a current one"
    other.close()


def test_a_failed_system_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / internals.DATABASE).write_bytes(b"this is no database" * 500)
    with pytest.raises(Exception, match="not a database"):
        chromadb.PersistentClient(tmp_path, Settings(anonymized_telemetry=False))
    internals.forget_failed_system(tmp_path)
    assert str(tmp_path) not in SharedSystemClient._identifier_to_system
    (tmp_path / internals.DATABASE).unlink()
    client: Any = chromadb.PersistentClient(tmp_path, Settings(anonymized_telemetry=False))
    client.close()


def test_http_connections_are_kept_by_the_hash_of_their_loop(tmp_path: Path) -> None:
    async def connect(url: str) -> None:
        loop = asyncio.get_running_loop()
        async with ChromaClient(url):
            assert hash(loop) in AsyncFastAPI._clients, "connections of a dead loop could be taken for a new one's"
            internals.forget_loop_connections(loop)
            assert hash(loop) not in AsyncFastAPI._clients

    class ChromaClient:
        def __init__(self, url: str) -> None:
            self.port = int(url.rpartition(":")[2])

        async def __aenter__(self) -> None:
            self.client = await chromadb.AsyncHttpClient("127.0.0.1", self.port, settings=Settings())
            await self.client.heartbeat()
            self.connections = AsyncFastAPI._clients[hash(asyncio.get_running_loop())]

        async def __aexit__(self, *_: object) -> None:
            await self.connections.aclose()

    with chroma_server(tmp_path) as url:
        asyncio.run(connect(url))


def test_the_database_has_the_tables_and_columns_that_are_used(folder: Path) -> None:
    with closing(sqlite3.connect(folder / internals.DATABASE)) as database:
        assert internals.missing_columns(database) == []
        database.execute("ALTER TABLE max_seq_id RENAME COLUMN seq_id TO sequence")
        database.execute("DROP TABLE embeddings_queue")
        missing = internals.missing_columns(database)
    assert missing == ["column max_seq_id.seq_id", "table embeddings_queue"]


def test_the_database_tells_the_rows_that_the_index_on_disk_lacks(folder: Path) -> None:
    (index,) = internals.hnsw_folders(folder)
    (state,) = internals.hnsw_states(folder)
    header = internals.read_hnsw_header(index)
    assert header is not None
    assert state.segment == index.name, "an index is not in the folder of its segment"
    assert state.was_synced
    # Each item and the namespace take a row.
    assert header.rows + state.unsynced_rows == ROWS + 3, "the backup of an index relies on this count"
    assert state.unsynced_rows > 0


def test_an_index_that_was_never_written_is_known_as_such(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        store.put(("a",), "k", {"text": "a dog"})
    (state,) = internals.hnsw_states(tmp_path)
    assert not state.was_synced


def test_the_index_has_the_files_and_the_header_that_are_read(folder: Path) -> None:
    (index,) = internals.hnsw_folders(folder)
    header = internals.read_hnsw_header(index)
    assert header is not None
    assert header.is_known, f"the header has another form: {header}"
    vector_bytes = 4 * INDEX["dims"]
    assert header.label_offset - header.vector_offset == vector_bytes
    assert header.row_bytes == header.label_offset + 8
    assert (index / internals.LEVEL_0_FILE).stat().st_size >= header.rows * header.row_bytes
    assert (index / internals.LENGTHS_FILE).stat().st_size >= header.rows * internals.LENGTH_BYTES
    others = [file.stat().st_mtime_ns for file in index.iterdir() if file.name != internals.IDS_FILE]
    assert (index / internals.IDS_FILE).stat().st_mtime_ns >= max(others), "a whole index is known by its ids"


def test_a_header_that_is_too_short_is_none(folder: Path) -> None:
    (index,) = internals.hnsw_folders(folder)
    (index / internals.HEADER_FILE).write_bytes(b"short")
    assert internals.read_hnsw_header(index) is None


def test_collections_change_names_and_deleted_words_are_purged(folder: Path) -> None:
    with ChromaStore.from_path(folder, index=INDEX) as store:
        id = str(store._open().collection.id)
        store.put(("a",), "gone", {"text": "xylophone"})
        store.delete(("a",), "gone")
    with internals.open_database(folder) as database:
        internals.rename_collections(database, {id: "renamed"})
        internals.purge_deleted(database)
        assert {state.segment for state in internals.hnsw_states(folder)} <= internals.segment_ids(database)
    with ChromaStore.from_path(folder, index=INDEX, collection="renamed") as store:
        assert len(store.search((), limit=100)) == ROWS + 2


def test_a_version_that_was_not_tested_is_named_once_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(internals, "version", lambda _: "1.97.0")
    for _ in range(2):
        with ChromaStore.from_path(tmp_path, index=INDEX) as store:
            store.put(("a",), "k", {"text": "a dog"})
            assert keys(store.search((), query="dog")) == ["k"]
    warnings = [record.message for record in caplog.records if "1.97.0" in record.message]
    assert warnings == ["The memory was not tested with chromadb 1.97.0, only with >=1.5,<1.6."]


@pytest.mark.parametrize(
    ("installed", "expected"),
    [("1.5.0", True), ("1.5.9", True), ("1.5.10.dev1", True), ("1.4.9", False), ("1.6.0", False), ("2", False)],
)
def test_the_range_of_tested_versions(installed: str, expected: bool) -> None:
    assert internals.is_tested(installed) is expected


def test_a_version_without_a_private_name_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ChromaStore.from_path(tmp_path).close()
    monkeypatch.delattr(SharedSystemClient, "_identifier_to_refcount")
    with pytest.raises(StoreError, match=r"has no SharedSystemClient._identifier_to_refcount\. .*pip install") as error:
        ChromaStore.from_path(tmp_path).get(("a",), "k")
    assert str(version("chromadb")) in str(error.value)


def test_a_database_of_another_schema_is_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(folder / internals.DATABASE)) as database:
        database.execute("ALTER TABLE max_seq_id RENAME COLUMN seq_id TO sequence")
    monkeypatch.setattr(internals, "version", lambda _: "1.97.0")
    with pytest.raises(StoreError, match=r"chromadb 1\.97\.0: .*has no column max_seq_id\.seq_id\. Install"):
        ChromaStore.from_path(folder, index=INDEX).get(("a",), "1")


def test_a_collection_that_brings_an_embedding_function_is_refused_before_it_is_built(tmp_path: Path) -> None:
    built: list[Any] = []

    @register_embedding_function
    class Hostile(EmbeddingFunction[Any]):
        def __init__(self, model: str = "huggingface.co/somebody/model") -> None:
            self.model = model

        def __call__(self, input: Any) -> Any:
            raise AssertionError("nothing is embedded by it")

        @staticmethod
        def name() -> str:
            return "hostile"

        def get_config(self) -> dict[str, Any]:
            return {"model": self.model, "kwargs": {"trust_remote_code": True}}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Hostile:
            built.append(config)
            return Hostile(config["model"])

    client: Any = chromadb.PersistentClient(tmp_path / "m", Settings(anonymized_telemetry=False))
    client.create_collection("hef", metadata={"hef:format": 3, "hef:dims": 2}, embedding_function=Hostile())
    client.close()
    built.clear()

    with (
        ChromaStore(tmp_path / "m") as store,
        pytest.raises(StoreError, match="an embedding function of its own"),
    ):
        store.search(("hef",))
    assert built == []
