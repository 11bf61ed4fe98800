"""LangGraph's server with `langgraph.json`, without authentication: a person is who the client says, or nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dev_server import dev_server

pytest.importorskip("langgraph_api")

TURN: dict[str, Any] = {"assistant_id": "hef", "input": {"messages": [{"role": "user", "content": "My dog died."}]}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with dev_server(tmp_path_factory.mktemp("server"), HEF_MODELS="embedded") as url:
        with httpx.Client(base_url=url, timeout=120) as client:
            yield client


def people(server: httpx.Client) -> list[str]:
    return [namespace[-1] for namespace in server.post("/store/namespaces", json={}).json()["namespaces"]]


def test_a_run_without_a_person_is_answered_and_one_with_a_person_is_remembered(server: httpx.Client) -> None:
    for said in ({}, {"context": {"strategy": "sem_only"}}, {"context": {"user_id": None}}):
        assert server.post("/runs/wait", json={**TURN, **said}).json()["empathy"]["degraded"] is None
    assert people(server) == []

    for said in ({"context": {"user_id": "ana"}}, {"config": {"configurable": {"user_id": "bo"}}}):
        assert server.post("/runs/wait", json={**TURN, **said}).json()["empathy"]["degraded"] is None
    assert sorted(people(server)) == ["ana", "bo"]


@pytest.mark.parametrize("model", ["huggingface:somebody/model", "openai:gpt", "embedded-plain"])
def test_a_client_names_no_model_but_those_of_the_operator(server: httpx.Client, model: str) -> None:
    error = server.post("/runs/wait", json={**TURN, "context": {"model": model}}).json()["__error__"]

    assert error["error"] == "SetupError"
    assert f"may not name the model '{model}' here, only embedded" in error["message"]
    allowed = {"model": "embedded", "strategy": "sem_only"}
    assert "empathy" in server.post("/runs/wait", json={**TURN, "context": allowed}).json()


def test_a_page_of_another_origin_neither_reads_nor_writes(server: httpx.Client) -> None:
    for path in ("/runs/wait", "/store/items/search", "/threads"):
        page = {"origin": "https://example.org", "content-type": "text/plain"}
        answer = server.post(path, content="{}", headers=page)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    studio = server.options("/runs/wait", headers={"origin": "https://smith.langchain.com", **asked})
    assert studio.headers["access-control-allow-origin"] == "https://smith.langchain.com"
