"""What LangGraph Studio and `langgraph dev` serve: the graph, and the Chroma store behind `/store`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.store.base import BaseStore

from .build import create_hef
from .store import open_store

graph = create_hef(
    prompts=os.environ.get("HEF_PROMPTS") or None,
    fit=os.environ.get("HEF_FIT") or None,
).compile(name="hef")
"""The graph without store or checkpointer: the server brings its own; `HEF_PROMPTS` and `HEF_FIT` count, if set."""


@asynccontextmanager
async def make_store() -> AsyncIterator[BaseStore]:
    """Yield the memory for the server: `HEF_CHROMA_URL`, else the folder `HEF_HOME`, else this process."""
    store = open_store(os.environ.get("HEF_HOME") or None, url=os.environ.get("HEF_CHROMA_URL") or None)
    try:
        yield store
    finally:
        store.close()
