"""A real `langgraph dev` with `langgraph.json`: what LangGraph Studio uses, and what anybody may do there.

Nobody is authenticated: a person is who the client says, or nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dev_server import dev_server
from hef.graph import HefContext
from hef.memory import user_namespace
from hef.prompts import Prompts
from langgraph_sdk import get_sync_client

SAID = {"messages": [{"role": "user", "content": "My dog Bello died last night."}]}
TURN: dict[str, Any] = {"assistant_id": "hef", "input": {"messages": [{"role": "user", "content": "My dog died."}]}}

SHORT = {"model_settings": {"max_tokens": 2}}
"""Settings of turns whose reply is not looked at; writing one takes the embedded model seconds."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the development server."""
    with dev_server(tmp_path_factory.mktemp("studio"), HEF_HOME="", HEF_MODELS="embedded") as url:
        yield url


@pytest.fixture(scope="module")
def http(server: str) -> Iterator[httpx.Client]:
    """Ask the server without its SDK."""
    with httpx.Client(base_url=server, timeout=120) as client:
        yield client


def people(http: httpx.Client) -> set[str]:
    return {namespace[-1] for namespace in http.post("/store/namespaces", json={}).json()["namespaces"]}


def test_the_context_shows_as_a_form(server: str) -> None:
    client = get_sync_client(url=server)
    (assistant,) = client.assistants.search(graph_id="hef")

    schemas = client.assistants.get_schemas(assistant["assistant_id"])

    fields: Any = (schemas.get("context_schema") or {})["properties"]
    nodes = {node["id"] for node in client.assistants.get_graph(assistant["assistant_id"])["nodes"]}
    assert set(fields) == set(HefContext.model_fields)
    assert all("description" in field for field in fields.values())
    assert all(set(field["langgraph_nodes"]) <= nodes for field in fields.values())
    prompts = {name for name, field in fields.items() if field.get("langgraph_type") == "prompt"}
    assert prompts == {"persona", *(f"prompt_{name}" for name in HefContext().templates)}
    shipped = Prompts().templates
    assert all(fields[f"prompt_{name}"]["default"] == shipped[name] for name in HefContext().templates)
    assert set((schemas["input_schema"] or {})["properties"]) == {"messages"}


def test_the_edges_are_those_of_the_design_and_none_goes_everywhere(server: str) -> None:
    client = get_sync_client(url=server)
    (assistant,) = client.assistants.search(graph_id="hef")

    drawn: Any = client.assistants.get_graph(assistant["assistant_id"])

    assert {(edge["source"], edge["target"]) for edge in drawn["edges"]} == {
        ("__start__", "safety"),
        ("safety", "crisis_reply"),
        ("safety", "recall"),
        ("safety", "sem_emotion"),
        ("crisis_reply", "human_takeover"),
        ("crisis_reply", "remember"),
        ("human_takeover", "remember"),
        ("recall", "coarse_emotion"),
        ("sem_emotion", "coarse_emotion"),
        ("coarse_emotion", "crisis_reply"),
        ("coarse_emotion", "sem_emotion"),
        ("coarse_emotion", "fine_emotion"),
        ("fine_emotion", "confirm_emotion"),
        ("fine_emotion", "cause_words"),
        ("confirm_emotion", "cause_words"),
        ("cause_words", "draft_response"),
        ("draft_response", "remember"),
        ("remember", "__end__"),
    }
    told = [node["metadata"]["description"] for node in drawn["nodes"] if not node["id"].startswith("__")]
    assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in told)


def test_danger_is_answered_on_a_server(server: str) -> None:
    client = get_sync_client(url=server)
    danger = {"messages": [{"role": "user", "content": "I want to kill myself."}]}

    out: Any = client.runs.wait(None, "hef", input=danger, context={"region": "US"})

    assert out["empathy"]["safety"]["level"] == "danger"
    assert "988" in out["messages"][-1]["content"]


def test_a_turn_streams_events_and_tokens_and_lands_in_the_store(server: str) -> None:
    client = get_sync_client(url=server)
    thread = client.threads.create()

    parts = list(
        client.runs.stream(
            thread["thread_id"],
            "hef",
            input=SAID,
            context={"user_id": "ana", "strategy": "two_stage", "model_settings": {"max_tokens": 8}},
            stream_mode=["updates", "custom", "messages-tuple", "values"],
        )
    )

    errors = [part.data for part in parts if part.event == "error"]
    assert not errors
    events = [part.data["hef"] for part in parts if part.event == "custom"]
    assert sorted(events) == sorted(["memories", "reading", "verdict", "decision", "causes"])
    tokens = [part.data[0]["content"] for part in parts if part.event == "messages"]
    reply = [part.data for part in parts if part.event == "values"][-1]["messages"][-1]["content"]
    assert len(tokens) > 3
    assert "".join(tokens).startswith(reply)
    state: Any = client.threads.get_state(thread["thread_id"])["values"]
    assert state["empathy"]["emotion"] in {"sad", "devastated"}
    assert set(state["explanations"]) == {"sem_emotion", "coarse_emotion", "fine_emotion", "cause_words"}
    assert all(isinstance(line, str) for line in state["explanations"].values())
    (item,) = client.store.search_items(user_namespace("ana"))["items"]
    assert item["value"]["text"] == "My dog Bello died last night."


def test_a_second_thread_of_the_same_person_recalls_the_first(server: str) -> None:
    client = get_sync_client(url=server)

    out: Any = client.runs.wait(None, "hef", input=SAID, context={"user_id": "ana", "strategy": "sem_only", **SHORT})

    assert len(out["empathy"]["memories"]) >= 1


def test_replays_and_forks_of_a_past_checkpoint_store_no_second_memory(server: str) -> None:
    client = get_sync_client(url=server)
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "hef", input=SAID, context={"user_id": "eve", **SHORT})
    past = [held for held in client.threads.get_history(thread, limit=20) if held["next"]]

    for held in past:
        other = {"user_id": "eve", "strategy": "sem_only", "prompt_draft": "Answer in one word.", **SHORT}
        again: Any = client.runs.wait(thread, "hef", input=None, checkpoint=held["checkpoint"], context=other)
        assert again["messages"][-1]["type"] == "ai"
    assert ["__start__"] in [held["next"] for held in past]

    place = next(held for held in past if held["next"] == ["cause_words"])
    edited = {**place["values"]["empathy"], "emotion": "lonely"}
    forked: Any = client.threads.update_state(
        thread, {"empathy": edited}, as_node="fine_emotion", checkpoint=place["checkpoint"]
    )
    same = {"user_id": "eve", **SHORT}
    last: Any = client.runs.wait(thread, "hef", input=None, checkpoint=forked["checkpoint"], context=same)
    assert last["empathy"]["emotion"] == "lonely"
    (item,) = client.store.search_items(user_namespace("eve"))["items"]
    assert item["value"]["emotion"] == "lonely"


def test_a_person_chooses_the_emotion_and_it_is_remembered(server: str) -> None:
    client = get_sync_client(url=server)
    doubtful = {"user_id": "joe", "confirm_emotion": True, "primary": 1, "max_requeries": 0, **SHORT}
    for said in (
        "They say it is a good sign.",
        "I will be there at nine, I guess.",
        "Look what I found.",
        "It is Tuesday.",
    ):
        thread = client.threads.create()["thread_id"]
        out: Any = client.runs.wait(
            thread, "hef", input={"messages": [{"role": "user", "content": said}]}, context=doubtful
        )
        if "__interrupt__" in out:
            break
    (asked,) = out["__interrupt__"]
    assert asked["value"]["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]
    assert client.threads.get(thread)["status"] == "interrupted"

    edited = {"name": "confirm_emotion", "args": {"emotion": "nostalgic"}}
    answer = {"decisions": [{"type": "edit", "edited_action": edited}]}
    done: Any = client.runs.wait(thread, "hef", command={"resume": answer}, context=doubtful)

    assert (done["empathy"]["emotion"], done["empathy"]["confirmed"]) == ("nostalgic", True)
    items = client.store.search_items(user_namespace("joe"), limit=50)["items"]
    assert ["nostalgic"] == [item["value"]["emotion"] for item in items if item["value"]["confirmed"]]


def test_a_run_without_a_person_is_answered_and_one_with_a_person_is_remembered(http: httpx.Client) -> None:
    before = people(http)
    for said in ({}, {"context": {"strategy": "sem_only", **SHORT}}, {"context": {"user_id": None, **SHORT}}):
        assert http.post("/runs/wait", json={**TURN, **said}).json()["empathy"]["degraded"] is None
    assert people(http) == before

    una, bo = {"user_id": "una", **SHORT}, {"user_id": "bo", **SHORT}
    for said in ({"context": una}, {"config": {"configurable": bo}}):
        assert http.post("/runs/wait", json={**TURN, **said}).json()["empathy"]["degraded"] is None
    assert people(http) - before == {"una", "bo"}


@pytest.mark.parametrize("model", ["huggingface:somebody/model", "openai:gpt", "embedded-plain"])
def test_a_client_names_no_model_but_those_of_the_operator(http: httpx.Client, model: str) -> None:
    error = http.post("/runs/wait", json={**TURN, "context": {"model": model}}).json()["__error__"]

    assert error["error"] == "SetupError"
    assert f"may not name the model '{model}' here, only embedded" in error["message"]


def test_a_client_may_name_the_model_of_the_operator(http: httpx.Client) -> None:
    allowed = {"model": "embedded", "strategy": "sem_only", **SHORT}

    assert "empathy" in http.post("/runs/wait", json={**TURN, "context": allowed}).json()


def test_a_page_of_another_origin_neither_reads_nor_writes(http: httpx.Client) -> None:
    for path in ("/runs/wait", "/store/items/search", "/threads"):
        page = {"origin": "https://example.org", "content-type": "text/plain"}
        answer = http.post(path, content="{}", headers=page)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    studio = http.options("/runs/wait", headers={"origin": "https://smith.langchain.com", **asked})
    assert studio.headers["access-control-allow-origin"] == "https://smith.langchain.com"
