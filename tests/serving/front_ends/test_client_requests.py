"""Requests in the shapes of real clients: who asks, what is a turn and what a task, and what each client can read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from hef.characters import Character
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.chat_conversations import Conversations
from hef.serving.front_ends.trusted_headers import trusted_header
from hef.serving.identity import Identities
from hef.serving.keys import KeyFile
from hef.serving.server_settings import ServerSettings
from langgraph.store.memory import InMemoryStore
from talking_chat import TalkingChat

REQUESTS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(Path(__file__).parent.glob("requests/*"))}
SECRET = "what the front end signs with, and nobody knows"


class Doors:
    """An application, the keys of those who ask, and what it opened."""

    def __init__(self, home: Path) -> None:
        self.memory, self.chat = InMemoryStore(), TalkingChat()
        keys = KeyFile(home / "keys.toml")
        self.people = {name: keys.add(name)[1] for name in REQUESTS}
        projects = ("openwebui", "librechat")
        self.front_ends = {name: keys.add(name, front_end=True)[1] for name in projects}
        trusted = [*map(trusted_header, projects)]
        self.apps = {
            is_signed: self._app(Identities(keys=keys, trusted=trusted, jwt_secret=SECRET if is_signed else None))
            for is_signed in (False, True)
        }
        self.opened: list[dict[str, Any]] = []

    def _app(self, identities: Identities) -> Any:
        sem = resolve_sem("lexicon")
        graph = create_hef(model=self.chat, sem=sem).compile(store=self.memory)
        settings = ServerSettings(context=HefContext(strategy="sem_only"))
        doors = self

        class Watched(Conversations):
            async def open(self, **asked: Any) -> Any:
                doors.opened.append(asked)
                return await super().open(**asked)

        mara = Character(id="mara", name="Mara", persona="You are Mara, a dry old sailor.")
        options: dict[str, Any] = {
            "settings": settings,
            "identities": identities,
            "conversations": Watched(store=self.memory),
        }
        options["characters"] = {"mara": mara}
        return create_app(graph, model=self.chat, sem=sem, store=self.memory, **options)

    def headers(self, name: str) -> dict[str, str]:
        signed = jwt.encode({"sub": "5f3c1d2e", "exp": int(time.time()) + 60, "iss": "open-webui"}, SECRET, "HS256")
        front_end = self.front_ends.get(name.partition("_")[0], "")
        filled = {"{FRONT_END_KEY}": front_end, "{PERSON_KEY}": self.people[name], "{SIGNED:5f3c1d2e}": signed}
        headers: dict[str, str] = REQUESTS[name]["headers"]
        for place, value in filled.items():
            headers = {header: text.replace(place, value) for header, text in headers.items()}
        return headers

    async def ask(self, name: str, **changes: Any) -> httpx.Response:
        app = self.apps[REQUESTS[name].get("signed", False)]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            body = {**REQUESTS[name]["body"], **changes}
            return await client.post("/v1/chat/completions", json=body, headers=self.headers(name))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Doors:
    return Doors(tmp_path_factory.mktemp("home"))


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the chunks of a stream as the clients' parsers split it."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event for event in answer.text.split("\n\n") if event and not event.startswith(":")]
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def words(answer: httpx.Response, *, usage: bool) -> tuple[str, Any]:
    """Return the reply and what HEF says of it, and check what the strictest of the clients needs."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        body = answer.json()
        assert body["usage"]["total_tokens"] > 0
        (choice,) = body["choices"]
        assert choice["finish_reason"] == "stop"
        assert "tool_calls" not in choice["message"]
        return choice["message"]["content"], choice["message"].get("hef")
    streamed = chunks(answer)
    counted = [chunk for chunk in streamed if not chunk["choices"]]
    assert len(counted) == (1 if usage else 0)
    assert all(chunk["usage"]["total_tokens"] > 0 for chunk in counted)
    first, *rest = (chunk["choices"][0] for chunk in streamed if chunk["choices"])
    assert first["delta"]["role"] == "assistant"
    assert [choice["finish_reason"] for choice in rest] == [None] * (len(rest) - 1) + ["stop"]
    return "".join(choice["delta"].get("content", "") for choice in rest), rest[-1]["delta"].get("hef")


@pytest.mark.parametrize("name", REQUESTS)
async def test_each_client_is_understood_and_can_read_the_answer(doors: Doors, name: str) -> None:
    expected = REQUESTS[name]["expect"]
    person = name if expected.get("person") == "{PERSON}" else expected.get("person")
    doors.opened.clear()
    before = len(doors.memory.search((), limit=1000))
    answer = await doors.ask(name)
    assert answer.status_code == 200, answer.text
    options = REQUESTS[name]["body"].get("stream_options", {})
    text, told = words(answer, usage=options.get("include_usage", False))
    assert answer.headers.get("x-hef-ignored") == expected.get("ignored")
    if expected["kind"] != "turn":
        assert text.strip() == expected.get("reply", text.strip())
        assert text.strip()
        assert told is None
        assert doors.opened == []
        assert len(doors.memory.search((), limit=1000)) == before
        return
    assert "I hear you" in text
    assert told["emotion"] is None or told["shares"]
    (asked,) = doors.opened
    assert (asked["person"], asked["chat_id"]) == (person, expected["chat_id"])
    if expected["said"] is None:
        assert len(doors.memory.search((), limit=1000)) == before
    else:
        assert len(doors.memory.search((), limit=1000)) == before + 1
        assert expected["said"] in [turn.text for turn in list_turns(doors.memory, person)]


@pytest.mark.parametrize("name", [name for name, asked in REQUESTS.items() if asked["expect"]["kind"] != "turn"])
async def test_a_task_is_answered_in_a_stream_too_and_without_hefs_prompt(doors: Doors, name: str) -> None:
    doors.chat.prompts.clear()
    text, told = words(await doors.ask(name, stream=True, stream_options=None), usage=False)
    assert text.strip()
    assert told is None
    contents = [message["content"] for message in REQUESTS[name]["body"]["messages"]]
    sent = "\n\n".join(
        content if isinstance(content, str) else "\n".join(part["text"] for part in content) for content in contents
    )
    assert ["\n\n".join(str(message.text) for message in prompt) for prompt in doors.chat.prompts] in ([sent], [])
    assert bool(doors.chat.prompts) == (REQUESTS[name]["expect"]["kind"] != "expression")


async def test_a_greeting_is_the_characters(doors: Doors) -> None:
    for model, expected in (("hef", False), ("mara", True)):
        doors.chat.prompts.clear()
        assert (await doors.ask("pipecat_greeting", model=model)).status_code == 200
        assert any("dry old sailor" in str(message.text) for message in doors.chat.prompts[0]) == expected


def test_every_request_says_where_its_shape_was_seen() -> None:
    for asked in REQUESTS.values():
        assert {"project", "file"} <= set(asked["source"])
        assert {"commit", "version"} & set(asked["source"])
    assert len({asked["source"]["project"] for asked in REQUESTS.values()}) == 12
