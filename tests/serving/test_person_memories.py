"""What people see and delete of what is remembered of them, and requests of which nothing shall remain."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.characters import Character
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.api_errors import ApiError
from hef.serving.chat_app import create_app
from hef.serving.chat_conversations import Conversations
from hef.serving.front_ends.person_memories import PersonMemories
from hef.serving.front_ends.trusted_headers import trusted_header
from hef.serving.identity import Identities
from hef.serving.keys import KeyFile
from hef.serving.server_settings import ServerSettings
from hef.serving.threads.sqlite_turns import SqliteTurns
from langgraph.store.memory import InMemoryStore
from starlette.datastructures import Headers
from starlette.requests import Request
from talking_chat import TalkingChat

SAID = "My dog Bello died."


class App:
    """An application with keys of two people and of a front end."""

    def __init__(self, folder: Path, *, store: InMemoryStore | None) -> None:
        self.chat, self.store, keys = TalkingChat(), store, KeyFile(folder / "keys.toml")
        self.tokens = {name: keys.add(name, front_end=name == "webui")[1] for name in ("ana", "ben", "webui")}
        self.database, sem = folder / "turns.sqlite", resolve_sem("lexicon")
        app = create_app(
            create_hef(model=self.chat, sem=sem).compile(store=store),
            model=self.chat,
            sem=sem,
            store=store,
            settings=ServerSettings(context=HefContext(strategy="sem_only", remember=store is not None)),
            identities=Identities(keys=keys, trusted=[trusted_header("openwebui")]),
            conversations=Conversations(SqliteTurns(self.database), store),
            characters={"mia": Character(id="mia", name="Mia Münster", persona="a nurse")},
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    async def ask(self, *texts: str, key: str = "ana", model: str = "hef", **headers: str) -> dict[str, Any]:
        roles = ["user", "assistant"] * len(texts)
        messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
        body = {"messages": messages, "model": model}
        answer = await self.http.post("/v1/chat/completions", json=body, headers=self._headers(key, headers))
        assert answer.status_code == 200, answer.text
        return answer.json()["choices"][0]["message"]

    async def send(self, method: str, path: str, key: str | None = "ana", **headers: str) -> tuple[int, Any]:
        answer = await self.http.request(method, path, headers=self._headers(key, headers))
        return answer.status_code, answer.json()

    async def texts(self, key: str = "ana", **headers: str) -> list[str]:
        status, page = await self.send("GET", "/v1/memories", key, **headers)
        assert status == 200, page
        return [turn["text"] for turn in page["data"]]

    def rows(self) -> int:
        with sqlite3.connect(self.database) as connection:
            return int(connection.execute("SELECT count(*) FROM hef_chat_turns").fetchone()[0])

    def _headers(self, key: str | None, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {**named, **({"authorization": f"Bearer {self.tokens[key]}"} if key else {})}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    app = App(tmp_path, store=InMemoryStore())
    yield app
    await app.http.aclose()


async def test_people_see_their_own_memories_and_those_of_nobody_else(app: App) -> None:
    await app.ask(SAID)
    await app.ask("I got a job.", key="ben")
    await app.ask("I moved.", key="webui", x_openwebui_user_id="ana")
    await app.ask("I am ill.", model="mia")

    assert await app.texts() == ["I am ill.", SAID]
    assert await app.texts("ben") == ["I got a job."]
    assert await app.texts("webui", x_openwebui_user_id="ana") == ["I moved."]
    assert await app.texts("webui", x_openwebui_user_id="dan") == []
    # Nothing in a request is above the key of a person.
    assert await app.texts("ben", x_openwebui_user_id="ana") == ["I got a job."]
    _, page = await app.send("GET", "/v1/memories?user=ana", "ben")
    assert [turn["text"] for turn in page["data"]] == ["I got a job."]
    turn = page["data"][0]
    assert (turn["object"], turn["reply"], turn["character"]) == ("memory", turn["reply"].strip(), "")
    assert "score" not in turn


@pytest.mark.parametrize(
    ("method", "path", "key", "headers", "status", "code"),
    [
        ("GET", "/v1/memories", None, {}, 401, "invalid_api_key"),
        ("DELETE", "/v1/memories", None, {}, 401, "invalid_api_key"),
        ("DELETE", "/v1/memories", "webui", {}, 400, "no_person"),
        ("GET", "/v1/memories", "ana", {"x_hef_private": "1"}, 400, "no_person"),
        ("GET", "/v1/memories?limit=0", "ana", {}, 400, "invalid_setting"),
        ("GET", "/v1/memories?limit=1e2", "ana", {}, 400, "invalid_setting"),
        ("GET", "/v1/memories?limit=²", "ana", {}, 400, "invalid_setting"),
        ("GET", "/v1/memories?after=nothing", "ana", {}, 400, "invalid_id"),
        ("DELETE", "/v1/memories/nothing", "ana", {}, 404, "memory_not_found"),
        ("PUT", "/v1/memories", "ana", {}, 405, "method_not_allowed"),
    ],
)
async def test_what_cannot_be_answered_is_said_and_deletes_nothing(
    app: App, method: str, path: str, key: str | None, headers: dict[str, str], status: int, code: str
) -> None:
    await app.ask(SAID)
    answer = await app.send(method, path, key, **headers)
    assert (answer[0], answer[1]["error"]["code"]) == (status, code)
    assert await app.texts() == [SAID]


async def test_a_page_goes_on_where_the_one_before_ended_also_where_turns_are_deleted_meanwhile(app: App) -> None:
    said: list[str] = []
    for number in range(5):
        text = f"Day {number} was long."
        said += [text, (await app.ask(*said, text))["content"]]
    _, first = await app.send("GET", "/v1/memories?limit=2")
    assert [turn["text"] for turn in first["data"]] == ["Day 4 was long.", "Day 3 was long."]
    assert first["has_more"]
    await app.send("DELETE", f"/v1/memories/{first['first_id']}")

    _, second = await app.send("GET", f"/v1/memories?limit=100&after={first['last_id']}")
    assert [turn["turn"] for turn in second["data"]] == [3, 2, 1]
    assert not second["has_more"]
    assert second["last_id"] == second["data"][-1]["id"]


async def test_a_turn_is_deleted_by_its_person_alone_and_the_conversation_goes_on(app: App) -> None:
    first = (await app.ask(SAID))["content"]
    second = (await app.ask(SAID, first, "He was old."))["content"]
    _, page = await app.send("GET", "/v1/memories")
    id = page["data"][1]["id"]
    assert (await app.send("DELETE", f"/v1/memories/{id}", "ben"))[0] == 404
    assert app.rows() == 2

    status, deleted = await app.send("DELETE", f"/memories/{id}")
    assert (status, deleted) == (200, {"id": id, "object": "memory.deleted", "deleted": True})
    assert (await app.texts(), app.rows()) == (["He was old."], 1)
    await app.ask(SAID, first, "He was old.", second, "I miss him.")
    await app.ask(SAID, first, "He was old.", second, "I miss him so.")
    _, page = await app.send("GET", "/v1/memories")
    assert [(turn["turn"], turn["text"]) for turn in page["data"]] == [(3, "I miss him so."), (2, "He was old.")]


async def test_all_is_deleted_with_what_is_set_aside_and_nothing_of_others(app: App) -> None:
    await app.ask(SAID, x_hef_chat_id="chat")
    await app.ask("I am ill.", model="mia")
    await app.ask("My dog Bello died on Sunday, and I am so sad.")
    await app.ask("My dog Bruno died on Sunday, and I am so sad.")  # an edit
    await app.ask("I got a job.", key="ben")

    status, deleted = await app.send("DELETE", "/v1/memories")
    assert (status, deleted["deleted"]) == (200, 4)
    assert await app.texts() == []
    assert app.store
    assert [item.value["text"] for item in app.store.search(("hef",))] == ["I got a job."]
    assert app.rows() == 1
    assert (await app.send("DELETE", "/v1/memories"))[1]["deleted"] == 0


async def test_of_a_private_request_nothing_remains_and_nothing_is_recalled_in_it(app: App) -> None:
    first = (await app.ask(SAID))["content"]
    private = await app.ask(SAID, first, "I drink too much.", x_hef_private="1", x_hef_chat_id="chat")
    assert private["hef"]["memories"] == []
    assert (await app.texts(), app.rows()) == ([SAID], 1)
    assert app.store
    assert [turn.text for turn in list_turns(app.store, "ana")] == [SAID]

    await app.ask(SAID, first, "I walked today.")
    assert await app.texts() == ["I walked today.", SAID]


@pytest.mark.parametrize(
    ("value", "is_private"),
    [("1", True), (" TRUE ", True), ("yes", True), ("0", False), ("", False), ("false", False), ("{{PRIVATE}}", True)],
)
def test_what_the_private_header_says(value: str, is_private: bool) -> None:
    identity = Identities().identify({"x-hef-private": value}, "ana")
    assert (identity.person is None) == is_private


def test_one_of_several_private_headers_suffices() -> None:
    headers = Headers(raw=[(b"x-hef-private", b"0"), (b"x-hef-private", b"1")])
    assert Identities().identify(headers, "ana").person is None


async def test_a_server_without_a_memory_says_so(tmp_path: Path) -> None:
    app = App(tmp_path, store=None)
    status, answer = await app.send("GET", "/v1/memories")
    assert (status, answer["error"]["code"]) == (404, "no_memory")
    await app.http.aclose()


async def test_models_have_the_names_of_their_characters(app: App) -> None:
    _, models = await app.send("GET", "/v1/models")
    assert [(one["id"], one["name"]) for one in models["data"]] == [("hef", "HEF"), ("mia", "Mia Münster")]
    assert (await app.send("GET", "/v1/models/mia"))[1]["name"] == "Mia Münster"


@pytest.mark.parametrize(
    ("host", "is_shown"), [("127.0.0.1:8200", True), ("localhost", True), ("[::1]:8200", True), ("evil.test", False)]
)
async def test_without_keys_memories_are_shown_to_this_machine_alone(tmp_path: Path, host: str, is_shown: bool) -> None:
    app, store = App(tmp_path, store=InMemoryStore()), InMemoryStore()
    memories = PersonMemories(Identities(), Conversations(SqliteTurns(tmp_path / "open.sqlite"), store), store)
    scope = {"type": "http", "method": "GET", "path": "/v1/memories", "query_string": b"user=me", "scheme": "http"}
    request = Request({**scope, "headers": [(b"host", host.encode())]})
    if is_shown:
        assert (await memories.show(request)).status_code == 200
    else:
        with pytest.raises(ApiError, match="without keys"):
            await memories.show(request)
    assert (await app.send("GET", "/v1/memories", host=host))[0] == 200, "who has a key is known"
