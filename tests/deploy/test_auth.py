"""Behind LangGraph's server with `deploy/langgraph.json` nobody reaches another person's memory or threads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dev_server import dev_server
from documents import ROOT

pytest.importorskip("langgraph_api")

TOKENS = {"token-a": "ana", "token-b": "bo.b"}
OWN = {"token-a": ["hef", "turns", "ana"], "token-b": ["hef", "turns", "bo%2Eb"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with dev_server(folder, ROOT / "deploy" / "langgraph.json", HEF_TOKENS=json.dumps(TOKENS)) as url:
        yield url


def client(server: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=server, timeout=120, headers={"authorization": f"Bearer {token}"})


def say(person: httpx.Client, text: str, thread: str | None = None, **context: Any) -> httpx.Response:
    turn: dict[str, Any] = {"assistant_id": "hef", "input": {"messages": [{"role": "user", "content": text}]}}
    turn["context"] = {"strategy": "sem_only", "model_settings": {"max_tokens": 8}, **context}
    return person.post(f"/threads/{thread}/runs/wait" if thread else "/runs/wait", json=turn)


@pytest.fixture(scope="module")
def remembered(server: str) -> str:
    """Return a thread of Ana's, in which she has said something."""
    with client(server, "token-a") as ana:
        thread: str = ana.post("/threads", json={}).json()["thread_id"]
        assert say(ana, "My dog Bello died.", thread).json()["empathy"]["degraded"] is None
        said = ana.post("/store/items/search", json={"namespace_prefix": OWN["token-a"]}).json()["items"]
        assert [item["value"]["text"] for item in said] == ["My dog Bello died."]
    return thread


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {"authorization": "Bearer"}, {"authorization": "Bearer token"}, {"authorization": "token-a"}),
        *({"x-auth-scheme": "langsmith"}, {"x-auth-scheme": "langsmith", "x-api-key": "token-a"}),
    ],
)
def test_who_is_not_known_is_refused(server: str, headers: dict[str, str]) -> None:
    for path in ("/threads/search", "/store/items/search", "/runs/wait"):
        assert httpx.post(server + path, json={"namespace_prefix": []}, headers=headers).status_code == 401


def test_a_run_uses_the_memory_of_the_person_who_sent_it(server: str, remembered: str) -> None:
    with client(server, "token-a") as ana, client(server, "token-b") as bo:
        assert len(say(ana, "I miss my dog.", remember=False).json()["empathy"]["memories"]) == 1
        assert len(say(ana, "I miss my dog.", user_id="ana", remember=False).json()["empathy"]["memories"]) == 1
        assert say(bo, "I miss my dog.", remember=False).json()["empathy"]["memories"] == []
        refused = say(bo, "I miss my dog.", user_id="ana").json()
    assert refused["__error__"]["error"] == "SetupError"
    assert "another user_id than that of the person whom the server authenticated" in refused["__error__"]["message"]


def test_a_thread_is_its_owners_alone(server: str, remembered: str) -> None:
    with client(server, "token-a") as ana, client(server, "token-b") as bo:
        assert ana.get(f"/threads/{remembered}/state").is_success
        assert bo.get(f"/threads/{remembered}/state").status_code == 404
        assert say(bo, "What did Ana say?", remembered).status_code == 404
        assert remembered in [thread["thread_id"] for thread in ana.post("/threads/search", json={}).json()]
        found = bo.post("/threads/search", json={"metadata": {"owner": "ana"}}).json()
        assert all(thread["metadata"]["owner"] == "bo.b" for thread in found)


@pytest.mark.parametrize("token", TOKENS)
def test_the_store_shows_a_person_their_own_namespace_alone(server: str, remembered: str, token: str) -> None:
    with client(server, token) as person:
        with_characters = [[*own, "characters", "mia"] for own in OWN.values()]
        for namespace in (*OWN.values(), *with_characters, ["hef", "turns"], ["hef"], [], ["hef", "turns", "an"]):
            item = {"namespace": namespace or ["hef"], "key": "k"}
            answers = [
                person.post("/store/items/search", json={"namespace_prefix": namespace}),
                person.post("/store/namespaces", json={"prefix": namespace}),
                person.get("/store/items", params={"namespace": ".".join(item["namespace"]), "key": "k"}),
                person.put("/store/items", json={**item, "value": {}}),
                person.request("DELETE", "/store/items", json=item),
            ]
            allowed = [200, 200, 200, 204, 204] if namespace[:3] == OWN[token] else [403] * 5
            assert [answer.status_code for answer in answers] == allowed


def test_what_no_rule_allows_is_refused(server: str) -> None:
    with client(server, "token-a") as ana:
        assistant = ana.post("/assistants/search", json={}).json()[0]["assistant_id"]
        assert ana.patch(f"/assistants/{assistant}", json={"metadata": {"a": 1}}).status_code == 403
        assert ana.post("/assistants", json={"graph_id": "hef"}).status_code == 403
        assert ana.post("/runs/crons", json={"assistant_id": "hef", "schedule": "* * * * *"}).status_code == 403


def test_a_page_of_another_origin_is_refused(server: str) -> None:
    own = {"authorization": "Bearer token-a", "content-type": "text/plain"}
    for origin, status in (("https://example.org", 403), ("null", 403), ("http://localhost:5173", 200)):
        answer = httpx.post(f"{server}/threads/search", content="{}", headers={**own, "origin": origin})
        assert answer.status_code == status


def test_both_configurations_serve_the_same_graph_and_store() -> None:
    open_, closed = (json.loads(path.read_text()) for path in (ROOT / "langgraph.json", ROOT / "deploy/langgraph.json"))
    for key in ("graphs", "store", "env", "dockerfile_lines"):
        assert open_[key] == closed[key]
    assert (Path("deploy") / closed["dependencies"][0]).resolve() == Path(open_["dependencies"][0]).resolve()
