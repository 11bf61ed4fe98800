"""The store contract, held against LangGraph's own stores and against ours in each of its modes."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from chroma_server import chroma_server
from hef.memory import ChromaStore
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore
from store_contract import Driven, StoreContract

Maker = Callable[..., BaseStore]
MAKERS: dict[str, Callable[..., ChromaStore]] = {
    "path": ChromaStore.from_path,
    "url": ChromaStore.from_url,
    "ephemeral": ChromaStore.ephemeral,
}


class TestOracle(StoreContract):
    lacks: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("an_expired", "a_sweep", "a_put_anew", "a_default"), "InMemoryStore knows no expiry"),
        "an_item_may_gain_and_lose": "InMemoryStore keeps the vectors of an item's earlier version",
    }

    @pytest.fixture
    def make(self) -> Maker:
        return lambda index=None: InMemoryStore(index=index)


SQLITE_LACKS = {
    **dict.fromkeys(("async", "writes_asked", "ops_asked", "a_cancelled"), "SqliteStore is sync only"),
    **dict.fromkeys(("any_text_may", "a_filter_is_no"), "SqliteStore refuses such names of fields in a filter"),
    "any_text_comes_back": "SqliteStore refuses lone surrogates",
    "filters_look_into": "SqliteStore compares no nested values, and $ne passes over items that lack the field",
    "an_expired": "SqliteStore returns what has expired until it is swept",
}
SQLITE_VECTORS = (
    "embedding_follows",
    "a_whole_value",
    "the_most_similar",
    "a_query",
    "an_update_moves",
    "an_item",
    "what_is_not_indexed",
    "pages_of_a_query",
    "a_put_may_name",
)


class TestSqlite(StoreContract):
    lacks: ClassVar[dict[str, str]] = SQLITE_LACKS | (
        {}
        if hasattr(sqlite3.Connection, "enable_load_extension")
        else dict.fromkeys(SQLITE_VECTORS, "this Python's sqlite3 loads no extensions, as SqliteStore's vectors ask")
    )

    @pytest.fixture
    def make(self) -> Iterator[Maker]:
        opened: list[Any] = []

        def make(**settings: Any) -> BaseStore:
            opened.append(SqliteStore.from_conn_string(":memory:", **settings))
            store: SqliteStore = opened[-1].__enter__()
            store.setup()
            return store

        yield make
        for one in opened:
            one.__exit__(None, None, None)


@pytest.fixture(scope="module", params=["path", "url", "ephemeral"])
def mode(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """Yield a mode of our store and where it lies, kept open so that each test opens a collection alone."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "url":
        with chroma_server(folder) as url:
            yield "url", [url]
        return
    where = [folder] if request.param == "path" else []
    with MAKERS[request.param](*where) as keeper:
        keeper.list_namespaces()
        yield request.param, where


@pytest.fixture
def opened(mode: tuple[str, Any]) -> Iterator[Callable[..., ChromaStore]]:
    stores: list[ChromaStore] = []

    def make(**settings: Any) -> ChromaStore:
        name, where = mode
        stores.append(MAKERS[name](*where, collection=uuid.uuid4().hex, **settings))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


class TestOurs(StoreContract):
    @pytest.fixture
    def make(self, opened: Callable[..., ChromaStore]) -> Maker:
        return opened


class TestOursAsync(StoreContract):
    @pytest.fixture
    def make(self, opened: Callable[..., ChromaStore]) -> Maker:
        return lambda **settings: Driven(opened(**settings))
