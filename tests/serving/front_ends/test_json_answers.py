"""Requests for an answer in JSON: a program reads it, so that nobody speaks, and the LLM is told the form."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hef.contract import HefContext
from hef.graph import create_hef
from hef.llm import LocalChat, resolve_model
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.chat_request import parse_request
from hef.serving.server_settings import ServerSettings
from hef.serving.tasks import Task, answer_task, recognize_task
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langgraph.store.memory import InMemoryStore
from llm_server import llm_server
from talking_chat import TalkingChat

SCHEMA = {"type": "object", "properties": {"emotion": {"type": "string", "enum": ["sad", "glad"]}}}
FORMATS = [{"type": "json_schema", "json_schema": {"name": "note", "schema": SCHEMA}}, {"type": "json_object"}]
DANGER = "I want to kill myself tonight."


def says(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "hef", "user": "ana", "messages": [{"role": "user", "content": text}]} | fields


def client(model: Any, store: InMemoryStore) -> httpx.AsyncClient:
    sem = resolve_sem("lexicon")
    app = create_app(
        create_hef(model=model, sem=sem).compile(store=store),
        model=model,
        sem=sem,
        store=store,
        settings=ServerSettings(context=HefContext(strategy="sem_only")),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/v1", timeout=30)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", FORMATS)
async def test_an_answer_in_json_is_the_llms_and_no_turn(form: dict[str, Any], stream: bool) -> None:
    chat, store = TalkingChat(), InMemoryStore()
    async with client(chat, store) as http:
        body = says("Invent a dog.", response_format=form, temperature=0.5, stream=stream)
        answer = await http.post("/chat/completions", json=body)
    assert answer.status_code == 200
    assert "x-hef-ignored" not in answer.headers
    assert chat.settings == [{"temperature": 0.5, "response_format": form}]
    assert [message.text for message in chat.prompts[0]] == ["Invent a dog."]
    assert list_turns(store, "ana") == []
    assert '"hef":' not in answer.text


class Unaware(TalkingChat):
    """One whose client does not know the setting."""

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        if "response_format" in kwargs:
            raise TypeError("unexpected keyword argument 'response_format'")
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk


async def test_an_llm_that_does_not_know_the_setting_is_told_in_words() -> None:
    chat = Unaware()
    async with client(chat, InMemoryStore()) as http:
        answer = await http.post("/chat/completions", json=says("Invent a dog.", response_format=FORMATS[0]))
    assert answer.status_code == 200
    assert "Answer with JSON alone" in chat.prompts[0][0].text


@pytest.mark.parametrize(
    "form", [None, {}, {"type": "text"}, {"type": "grammar"}, "json_object", {"type": ["json_object"]}]
)
def test_any_other_form_is_a_persons(form: Any) -> None:
    assert recognize_task(parse_request(says("My dog died.", response_format=form)), {}) is None


@pytest.mark.parametrize("form", FORMATS)
async def test_in_danger_hef_answers_a_request_for_json_and_no_conversation_has_said_it(form: dict[str, Any]) -> None:
    chat, store = TalkingChat(), InMemoryStore()
    async with client(chat, store) as http:
        http.headers["x-hef-chat-id"] = "chat"
        first = (await http.post("/chat/completions", json=says("My dog died."))).json()["choices"][0]["message"]
        talk = [{"role": "user", "content": "My dog died."}, {"role": "assistant", "content": first["content"]}]
        talk.append({"role": "user", "content": "I miss him."})
        await http.post("/chat/completions", json=says("", messages=talk))
        chat.prompts.clear()
        answer = await http.post("/chat/completions", json=says(DANGER, response_format=form))
    assert answer.json()["choices"][0]["message"]["hef"]["safety"]["level"] == "danger"
    assert answer.headers["x-hef-ignored"] == "response_format"
    assert chat.prompts == []
    assert sorted(turn.text for turn in list_turns(store, "ana")) == ["I miss him.", "My dog died."]


@pytest.mark.parametrize(("form", "told"), [(FORMATS[0], '"enum": ["sad", "glad"]'), (FORMATS[1], "JSON alone.")])
async def test_an_llm_in_this_process_is_told_the_form_in_words(
    form: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = []

    async def answer(self: Any, messages: Any, stop: Any = None, run_manager: Any = None, **settings: Any) -> Any:
        calls.append((messages, settings))
        yield ChatGenerationChunk(message=AIMessageChunk("{}"))

    monkeypatch.setattr(LocalChat, "_astream", answer)
    request = parse_request(says("Invent a dog.", response_format=form, temperature=0.5))
    model = resolve_model("embedded").with_config(tags=["x"])
    pieces = [piece async for piece in answer_task(Task("json"), request, model=model, sem=resolve_sem("lexicon"))]
    assert pieces == ["{}"]
    ((messages, settings),) = calls
    assert told in messages[0].text
    assert "response_format" not in settings


def test_a_title_in_json_is_a_title() -> None:
    prompt = "Generate a title of 5 words for this chat, only the title.\nUser: My dog died.\nAssistant: I am so sorry."
    task = recognize_task(parse_request(says(prompt, response_format=FORMATS[0])), {})
    assert task
    assert task.kind == "title"
    quoted = recognize_task(parse_request(says(prompt.replace("My dog died.", DANGER), response_format=FORMATS[0])), {})
    assert quoted == task


async def test_a_hosted_llm_is_told_the_form_as_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with llm_server(until=9) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        async with client(resolve_model("openai:stub"), InMemoryStore()) as http:
            for stream in (False, True):
                body = says("How is she?", response_format=FORMATS[0], stream=stream)
                answer = await http.post("/chat/completions", json=body)
                assert answer.text.count("hypothesis") == 1


CLOSED = RuntimeError("Event loop is closed")


@pytest.mark.parametrize(
    "errors", [[ConnectionError("reset")], [CLOSED] * 3, [CLOSED, ConnectionError("reset"), CLOSED, CLOSED]], ids=len
)
@pytest.mark.parametrize("form", FORMATS)
async def test_a_connection_that_breaks_does_not_take_the_form_away(
    form: dict[str, Any], errors: list[Exception]
) -> None:
    class Broken(TalkingChat):
        """A chat model whose first connections break."""

        async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            if len(self.settings) < len(errors):
                self.settings.append({"broken": True})
                raise errors[len(self.settings) - 1]
            async for chunk in super()._astream(messages, *args, **kwargs):
                yield chunk

    chat, store = Broken(), InMemoryStore()
    async with client(chat, store) as http:
        answer = await http.post("/chat/completions", json=says("Invent a dog.", response_format=form))
    assert answer.status_code == 200
    assert chat.settings == [*[{"broken": True}] * len(errors), {"response_format": form}]
