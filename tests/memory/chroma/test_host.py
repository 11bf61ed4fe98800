"""`ChromaStore` where others expect a LangGraph store: graphs, tools, threads, tasks, a server's many users."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import psutil
import pytest
from chroma_server import chroma_server
from hef.contract import StoreError
from hef.memory import ChromaStore
from hef.memory.chroma.client import location, open_collection, row_access
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedStore, ToolNode
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from store_contract import INDEX, keys


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with ChromaStore.ephemeral(index=INDEX) as store:
        yield store


class Turn(TypedDict, total=False):
    said: str
    recalled: list[str]


def _recalling(runtime: Runtime[None], said: str) -> list[str]:
    assert runtime.store is not None
    found = runtime.store.search(("notes",), query=said, limit=2)
    runtime.store.put(("notes",), said, {"text": said})
    return keys(found)


def test_a_compiled_graph_hands_it_to_its_nodes(store: ChromaStore) -> None:
    def node(state: Turn, runtime: Runtime[None]) -> Turn:
        return {"recalled": _recalling(runtime, state["said"])}

    graph = StateGraph(Turn).add_node("node", node).add_edge(START, "node").compile(store=store)
    assert graph.invoke({"said": "my dog died"})["recalled"] == []
    assert graph.invoke({"said": "i miss my dog"})["recalled"] == ["my dog died"]


async def test_async_nodes_use_it_without_threads_of_their_own(store: ChromaStore) -> None:
    async def node(state: Turn, runtime: Runtime[None]) -> Turn:
        assert runtime.store is not None
        await runtime.store.aput(("notes",), state["said"], {"text": state["said"]})
        return {"recalled": keys(await runtime.store.asearch(("notes",), query="dog", limit=9))}

    graph = StateGraph(Turn).add_node("node", node).add_edge(START, "node").compile(store=store)
    await asyncio.gather(*(graph.ainvoke({"said": f"dog {n}"}) for n in range(8)))
    assert len((await graph.ainvoke({"said": "dog again"}))["recalled"]) == 9


@tool
def manage_memory(content: str, store: Annotated[BaseStore, InjectedStore()]) -> str:
    """Remember a fact."""
    store.put(("memories", "ana"), content, {"text": content})
    return "stored"


@tool
async def search_memory(query: str, runtime: ToolRuntime) -> str:
    """Recall facts."""
    assert runtime.store is not None
    return ", ".join(keys(await runtime.store.asearch(("memories", "ana"), query=query, limit=1)))


def _calling(name: str, **given: Any) -> dict[str, Any]:
    return {"messages": [AIMessage("", tool_calls=[{"name": name, "args": given, "id": "1", "type": "tool_call"}])]}


async def test_tools_that_manage_and_search_memory(store: ChromaStore) -> None:
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([manage_memory, search_memory]))
    graph = builder.add_edge(START, "tools").compile(store=store)
    for fact in ("the dog is called Bruno", "she works at a bank"):
        await graph.ainvoke(_calling("manage_memory", content=fact))
    answer = (await graph.ainvoke(_calling("search_memory", query="the name of the dog")))["messages"][-1]
    assert isinstance(answer, ToolMessage)
    assert answer.text == "the dog is called Bruno"


def test_threads_and_event_loops_share_one_store(tmp_path: Path) -> None:
    with ChromaStore.from_path(tmp_path, index=INDEX) as store:
        failed: list[BaseException] = []

        def in_thread(worker: int) -> None:
            try:
                for n in range(4):
                    store.put(("w", str(worker)), str(n), {"text": f"dog {n}"})
                    store.search(("w", str(worker)), query="dog")
            except BaseException as error:
                failed.append(error)

        async def in_tasks(worker: int) -> None:
            await asyncio.gather(*(store.aput(("w", str(worker)), str(n), {"text": f"dog {n}"}) for n in range(4)))
            assert len(await store.asearch(("w", str(worker)), query="dog")) == 4

        def in_loop(worker: int) -> None:
            try:
                asyncio.run(in_tasks(worker))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=in_thread if n % 2 else in_loop, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(store.search(("w",), limit=100)) == 24


def test_a_hundred_users_at_once_through_a_server(tmp_path: Path) -> None:
    async def user(store: ChromaStore, n: int) -> list[str]:
        for turn in range(2):
            await store.aput(("users", str(n)), f"{n}-{turn}", {"text": f"dog {n} {turn}"})
        return keys(await store.asearch(("users", str(n)), query=f"dog {n} 1"))

    async def at_once(store: ChromaStore, count: int) -> list[list[str]]:
        return await asyncio.gather(*(user(store, n) for n in range(count)))

    with chroma_server(tmp_path) as url, ChromaStore.from_url(url, index=INDEX) as store:
        for count in (100, 10):  # each in an event loop of its own
            threads = threading.active_count()
            found = asyncio.run(at_once(store, count))
            assert threading.active_count() == threads
            assert [sorted(one) for one in found] == [[f"{n}-{turn}" for turn in range(2)] for n in range(count)]
        assert len(store.search(("users",), limit=1000)) == 200


def test_two_processes_worth_of_stores_see_each_other_through_a_server(tmp_path: Path) -> None:
    with (
        chroma_server(tmp_path) as url,
        ChromaStore.from_url(url, index=INDEX) as one,
        ChromaStore.from_url(url, index=INDEX) as other,
    ):
        one.put(("a",), "k", {"text": "a dog"})
        assert keys(other.search((), query="dog")) == ["k"]
        other.put(("a",), "k", {"text": "a cat"})
        assert one.get(("a",), "k") == other.get(("a",), "k")
        one.delete(("a",), "k")
        assert other.list_namespaces() == []


@pytest.mark.parametrize(("scheme", "checked"), [("https", True), ("http", False)])
async def test_a_server_s_certificate_is_checked_by_both_clients(
    scheme: str, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def open_client(*_: Any, settings: Any) -> Any:
        found.append(settings.chroma_server_ssl_verify)
        raise ConnectionRefusedError

    monkeypatch.setattr("chromadb.HttpClient", open_client)
    monkeypatch.setattr("chromadb.AsyncHttpClient", open_client)
    server = location.StoreLocation.from_arguments(None, f"{scheme}://localhost:8000", "memory")

    with pytest.raises(ConnectionRefusedError):
        server.connect()
    with pytest.raises(ConnectionRefusedError):
        await server.connect_async()

    assert found == [checked, checked]


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Return the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_server_that_never_answers_is_given_up(
    form: str, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_server_seconds(monkeypatch, 0.2)
    store = ChromaStore.from_url(silent_server, index=INDEX)

    with pytest.raises(StoreError, match=r"could not be opened: the server gave no answer within 0\.2 s"):
        store.search((), query="dog") if form == "sync" else await store.asearch((), query="dog")
    with pytest.raises(StoreError, match=r"could not be opened: the server gave no answer within 0\.2 s"):
        store.put(("a",), "k", {}) if form == "sync" else await store.aput(("a",), "k", {})


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_server_that_falls_silent_is_given_up_and_used_again_when_it_is_back(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(method: str, *arguments: Any) -> Any:
        return getattr(store, method)(*arguments) if form == "sync" else await getattr(store, f"a{method}")(*arguments)

    with chroma_server(tmp_path) as url, ChromaStore.from_url(url, index=INDEX) as store:
        await call("put", ("a",), "k", {"text": "dog"})
        (server,) = [child for child in psutil.Process().children() if str(tmp_path / "data") in child.cmdline()]
        limit_server_seconds(monkeypatch, 0.2)
        if form == "sync":
            store._open().client._server._session.timeout = 0.2
        server.suspend()
        while server.status() != psutil.STATUS_STOPPED:  # the signal is sent, and may not have come yet
            pass
        try:
            for method, arguments in (("get", ("k",)), ("put", ("k2", {"text": "cat"}))):
                with pytest.raises(StoreError, match=r"the server gave no answer within 0\.2 s"):
                    await call(method, ("a",), *arguments)
        finally:
            server.resume()
        limit_server_seconds(monkeypatch, 60)
        if form == "sync":
            store._open().client._server._session.timeout = 60
        assert (await call("get", ("a",), "k")).value == {"text": "dog"}


def limit_server_seconds(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for module in (location, open_collection, row_access):
        monkeypatch.setattr(module, "SERVER_SECONDS", seconds)
