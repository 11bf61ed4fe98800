"""What a client is told where it gets no reply, and what ends where it hangs up."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from chat_server import chat_server
from hef.contract import HefContext
from hef.graph import create_hef
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.server_settings import ServerSettings
from talking_chat import TalkingChat

LIMIT = 20_000


def make_app(chat: TalkingChat, **settings: Any) -> Any:
    sem = resolve_sem("lexicon")
    context = HefContext(strategy="sem_only")
    return create_app(
        create_hef(model=chat, sem=sem).compile(),
        model=chat,
        sem=sem,
        settings=ServerSettings(context=context, max_body=LIMIT, **settings),
    )


@pytest.fixture(scope="module")
def chat() -> TalkingChat:
    return TalkingChat()


@pytest.fixture(scope="module")
def url(chat: TalkingChat) -> Iterator[str]:
    with chat_server(make_app(chat)) as server:
        yield f"{server.url}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def says(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "hef", "messages": [{"role": "user", "content": text}], **fields}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"n": 2}, 400, "invalid_n"),
        ({"messages": []}, 400, "invalid_messages"),
        ({"messages": "hello"}, 400, "invalid_messages"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, 400, "invalid_messages"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "nothing_to_answer"),
        ({"messages": [{"role": "tool", "content": "22 degrees"}]}, 400, "nothing_to_answer"),
        ({"temperature": 9}, 400, "invalid_setting"),
        ({"model": "gpt-5"}, 404, "model_not_found"),
        ({"messages": [{"role": "user", "content": "a" * LIMIT}]}, 413, "request_too_large"),
        ({"messages": [{"role": "user", "content": "please fail"}]}, 503, "model_unavailable"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_without_a_reply_is_told_why_by_status_and_code(
    client: openai.OpenAI, fields: dict[str, Any], status: int, code: str, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(**says("hello") | fields, stream=stream)
    assert error.value.status_code == status
    assert error.value.code == code
    body: Any = error.value.body
    assert body.keys() == {"message", "type", "param", "code"}


def test_what_is_no_json_or_no_address_is_answered_in_the_same_envelope(url: str) -> None:
    for response in (
        httpx.post(f"{url}/chat/completions", content=b"{"),
        httpx.post(f"{url}/chat/completions", content=b"[" * 15_000),
        httpx.post(f"{url}/chat/completions", json=[1]),
        httpx.get(f"{url}/embeddings"),
        httpx.get(f"{url}/chat/completions"),
    ):
        assert response.status_code in (400, 404, 405)
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}


def test_a_failure_after_the_first_words_is_an_error_in_the_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(**says("please break"), stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(3)] == ["", "I ", "hear "]
    with pytest.raises(openai.APIError) as error:
        next(stream)
    assert error.value.code == "model_unavailable"


@pytest.mark.parametrize("text", ["please fail", "please break"])
def test_what_fails_is_in_the_log_whenever_it_does(
    client: openai.OpenAI, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(**says(text), stream=True))
    assert caplog.text.count("a request failed") == 1


def test_an_error_does_not_quote_the_person(client: openai.OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(**says("please fail, says Ana"))
    assert "Ana" not in str(error.value)
    assert "Ana" not in caplog.text


def test_a_page_of_another_origin_is_refused(url: str) -> None:
    body = json.dumps(says("hello"))
    assert httpx.post(f"{url}/chat/completions", content=body, headers={"Origin": "https://a.test"}).status_code == 403
    response = httpx.post(f"{url}/chat/completions", content=body, headers={"Origin": "http://localhost:5173"})
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"


@pytest.mark.parametrize("text", ["hold", "hang"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_llm_stops_where_the_client_hangs_up(url: str, chat: TalkingChat, text: str, stream: bool) -> None:
    chat.begun.clear()
    chat.closed.clear()
    body = json.dumps(says(text, stream=stream)).encode()
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
        head = f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert chat.begun.wait(20)
        assert not chat.closed.is_set()
    assert chat.closed.wait(20)


def test_a_reply_is_ended_before_the_server_ends() -> None:
    chat = TalkingChat()
    with chat_server(make_app(chat)) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        stream = iter(client.chat.completions.create(**says("please hang on"), stream=True))
        words = [next(stream).choices[0].delta.content for _ in range(3)]
        server.server.should_exit = True
        chat.release()
        words += [chunk.choices[0].delta.content for chunk in stream]
    assert "".join(word or "" for word in words).strip() == "I hear you: please hang on"
