"""The stores that a person's turns are kept in: one of HEF's, and one of a host's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hef.memory import ChromaStore
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore
from store_contract import INDEX


@pytest.fixture(scope="module")
def index() -> IndexConfig:
    """Return how turns are embedded; a module may override it."""
    return INDEX


@pytest.fixture(params=["chroma", "host"])
def store(request: pytest.FixtureRequest, index: IndexConfig) -> Iterator[BaseStore]:
    """Yield a store without turns."""
    if request.param == "host":
        yield InMemoryStore(index=index)
        return
    with ChromaStore(index=index) as store:
        yield store
