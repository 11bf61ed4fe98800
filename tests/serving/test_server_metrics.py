"""What the server tells of itself: counts without words or names, whether it is alive, and faces for avatars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.contract import HefContext, Reading
from hef.graph import create_hef
from hef.sem import resolve_sem
from hef.sem.taxonomy import EMPATHETIC_DIALOGUES
from hef.serving.chat_app import create_app
from hef.serving.chat_chunks import Delta, ReplyEnd
from hef.serving.front_ends.expressions import EXPRESSIONS, expression_scores
from hef.serving.identity import Identities
from hef.serving.keys import KeyFile
from hef.serving.server_metrics import Health, Metrics
from hef.serving.server_settings import ServerSettings
from langgraph.store.memory import InMemoryStore
from prometheus_client.parser import text_string_to_metric_families
from talking_chat import TalkingChat

SAID = "My dog Bello died and I am so sad."


class Memory(InMemoryStore):
    """A memory that can be out of reach."""

    is_lost = False

    async def aget(self, *arguments: Any, **options: Any) -> Any:
        if self.is_lost:
            raise ConnectionError("refused by 10.0.0.1")
        return await super().aget(*arguments, **options)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(Path(tmp_path_factory.mktemp("home")) / "keys.toml")


@pytest.fixture(scope="module")
def token(keys: KeyFile) -> str:
    return keys.add("ana")[1]


@pytest.fixture(scope="module")
def app(memory: Memory, keys: KeyFile, token: str) -> Any:
    sem, chat = resolve_sem("lexicon"), TalkingChat(usage={"input_tokens": 7, "output_tokens": 3, "total_tokens": 10})
    settings = ServerSettings(context=HefContext(strategy="sem_only"), max_body=5_000)
    graph = create_hef(model=chat, sem=sem).compile(store=memory)
    return create_app(graph, model=chat, sem=sem, store=memory, settings=settings, identities=Identities(keys=keys))


@pytest.fixture
async def client(app: Any, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


async def counts(client: httpx.AsyncClient) -> dict[tuple[Any, ...], float]:
    text = (await client.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ask(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "hef", "messages": [{"role": "user", "content": text}], "user": "zoe", **fields}


async def test_replies_are_counted_without_a_word_or_a_name(client: httpx.AsyncClient, token: str) -> None:
    before = await counts(client)
    for body in (ask(SAID), ask(SAID, stream=True), ask("fail please")):
        await client.post("/v1/chat/completions", json=body, headers={"x-openwebui-chat-id": "chat-77"})
    await client.post("/v1/chat/completions", json={"messages": [{"role": "system", "content": "Greet zoe."}]})
    await client.get("/zoe/Bello")
    after = await counts(client)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown["hef_turns_total", "turn", "done"] == 2
    assert grown["hef_turns_total", "turn", "failed"] == 1
    assert grown["hef_turns_total", "prompted", "done"] == 1
    assert grown["hef_safety_total", "none"] == 2
    assert grown["hef_tokens_total", "prompt"] >= 14
    assert grown["hef_responses_total", "chat", "200"] == 3
    assert grown["hef_responses_total", "chat", "503"] == 1
    assert grown["hef_responses_total", "other", "404"] == 1
    assert grown["hef_first_token_seconds_count", "turn"] == 2
    assert grown["hef_turn_seconds_count", "turn"] == 3
    assert after["hef_turns_in_flight", "turn"] == 0
    text = (await client.get("/metrics")).text
    assert not [word for word in ("Bello", "dog", "ana", "zoe", "chat-77", token) if word in text]


async def test_a_request_that_has_nothing_to_answer_is_counted_as_invalid_and_no_failure(
    client: httpx.AsyncClient,
) -> None:
    before = await counts(client)
    for fields in ({}, {"stream": True}):
        assert (await client.post("/v1/chat/completions", json=ask(" ", **fields))).status_code == 400
    after = await counts(client)
    assert after["hef_turns_total", "turn", "invalid"] - before.get(("hef_turns_total", "turn", "invalid"), 0) == 2
    assert after.get(("hef_turns_total", "turn", "failed"), 0) == before.get(("hef_turns_total", "turn", "failed"), 0)


async def test_counters_of_two_servers_are_their_own() -> None:
    one, other = Metrics(), Metrics()
    one.count_response("/v1/chat/completions", 200)
    assert "hef_responses_total{" in str((await one.show(None)).body)  # type: ignore[arg-type]
    assert "hef_responses_total{" not in str((await other.show(None)).body)  # type: ignore[arg-type]


async def test_a_reply_that_nobody_waits_for_is_no_failure() -> None:
    metrics = Metrics()

    async def events() -> AsyncIterator[Any]:
        yield Delta("I ")
        yield ReplyEnd("I hear you")

    replies: Any = metrics.measure("turn", events())
    await anext(replies)
    await replies.aclose()
    assert 'hef_turns_total{kind="turn",outcome="hung_up"} 1.0' in (await metrics.show(None)).body.decode()  # type: ignore


@pytest.mark.parametrize("path", ["/metrics", "/api/modules", "/api/classify/labels", "/v1/models"])
async def test_with_keys_nothing_is_told_without_one(app: Any, path: str, token: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as nobody:
        assert (await nobody.get(path)).status_code == 401
        assert (await nobody.get(path, params={"key": token, "api_key": token, "token": token})).status_code == 401
        refused = await nobody.post("/api/classify", json={"text": SAID})
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"


async def test_whoever_may_not_ask_sends_no_body(app: Any) -> None:
    sent = []

    async def body() -> AsyncIterator[bytes]:
        sent.append(1)
        yield b"{}"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as nobody:
        assert (await nobody.post("/v1/chat/completions", content=body())).status_code == 401
    assert sent == []


async def test_health_needs_no_key_and_says_what_is_out_of_reach(app: Any, memory: Memory) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as nobody:
        for path in ("/health", "/health/ready", "/health/live"):
            assert (await nobody.get(path)).json() == {"status": "ok"}
        memory.is_lost = True
        answer = await nobody.get("/health")
        memory.is_lost = False
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "failing": ["memory"]})
        assert (await nobody.get("/health/live")).status_code == 200


async def test_a_part_that_does_not_answer_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr("hef.serving.server_metrics._PATIENCE", 0.01)
    answer = await Health({"memory": asyncio.Event().wait}).ready(None)  # type: ignore[arg-type]
    assert answer.status_code == 503


async def test_sillytavern_gets_its_28_faces_the_best_first(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/modules")).json() == {"modules": ["classify"]}
    assert (await client.get("/api/classify/labels")).json() == {"labels": list(EXPRESSIONS)}
    answer = (await client.post("/api/classify", json={"text": "I am so grateful, thank you!"})).json()
    ranked = answer["classification"]
    assert ranked[0]["label"] == "gratitude"
    assert sorted(row["label"] for row in ranked) == sorted(EXPRESSIONS)
    assert [row["score"] for row in ranked] == sorted((row["score"] for row in ranked), reverse=True)
    assert sum(row["score"] for row in ranked) == pytest.approx(1)
    assert (await client.post("/api/classify", json={"text": "  "})).json()["classification"][0]["label"] == "neutral"


@pytest.mark.parametrize(
    ("content", "status"), [(b"{}", 400), (b'{"text": 3}', 400), (b"[]", 400), (b"no", 400), (b" " * 6_000, 413)]
)
async def test_what_is_no_text_has_no_face(client: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await client.post("/api/classify", content=content)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_page_of_this_machine_may_ask_for_faces_and_another_may_not(client: httpx.AsyncClient) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    own = await client.options("/api/classify", headers={**asks, "origin": "http://localhost:8000"})
    assert own.headers["access-control-allow-origin"] == "http://localhost:8000"
    foreign = await client.post("/api/classify", json={"text": SAID}, headers={"origin": "https://example.org"})
    assert foreign.status_code >= 400


def test_every_emotion_has_a_face_and_every_face_an_emotion() -> None:
    shown = set()
    for emotion in EMPATHETIC_DIALOGUES.labels:
        scores = expression_scores(Reading(distribution={emotion: 1.0}))
        assert sum(scores.values()) == pytest.approx(1)
        assert scores["neutral"] == 0
        shown |= {face for face, score in scores.items() if score}
    assert shown == set(EXPRESSIONS) - {"neutral"}


def test_what_carries_no_emotion_is_neutral_and_other_labels_count_by_their_names() -> None:
    assert next(iter(expression_scores(Reading(distribution={"sad": 1.0}, neutral=0.9)))) == "neutral"
    assert next(iter(expression_scores(Reading(distribution={"disapproval": 0.6, "sad": 0.4})))) == "disapproval"
    assert next(iter(expression_scores(Reading(distribution={"hungry": 0.6, "sad": 0.4})))) == "neutral"
