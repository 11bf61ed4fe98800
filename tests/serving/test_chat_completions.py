"""A real server on loopback, asked by OpenAI's own clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from chat_server import chat_server
from hef.characters import Character
from hef.contract import HefContext
from hef.graph import create_hef
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.server_settings import ServerSettings
from scripted_chat import ScriptedChat
from talking_chat import TalkingChat

SAD = "My dog Bello died last night and I am so sad."
DANGER = "I want to kill myself tonight."


@pytest.fixture(scope="module")
def chat() -> TalkingChat:
    return TalkingChat()


@pytest.fixture(scope="module")
def url(chat: TalkingChat) -> Iterator[str]:
    sem = resolve_sem("lexicon")
    app = create_app(
        create_hef(model=chat, sem=sem).compile(),
        model=chat,
        sem=sem,
        settings=ServerSettings(context=HefContext(strategy="sem_only"), max_body=20_000, keep_alive=0.05),
        characters={"mara": Character(id="mara", name="Mara", persona="You are Mara, a dry old sailor.")},
    )
    with chat_server(app) as server:
        yield f"{server.url}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(url: str) -> Any:
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def says(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "hef", "messages": [{"role": "user", "content": text}], **fields}


def test_reply_comes_whole_with_usage_and_what_was_understood(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(**says(SAD))
    (choice,) = completion.choices
    assert choice.message.role == "assistant"
    assert (choice.message.content or "").strip() == f"I hear you: {SAD}"
    assert choice.finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    understood = choice.message.model_extra["hef"]  # type: ignore[index]
    assert understood["emotion"] == "sad"
    assert max(understood["shares"], key=understood["shares"].get) == "sad"
    assert "died" in [cause["text"] for cause in understood["causes"]] or understood["causes"]
    assert understood["safety"]["level"] == "none"
    assert {"memories", "degraded", "neutral"} <= understood.keys()


def test_stream_is_a_role_then_words_then_a_reason_and_no_usage_unasked(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(**says(SAD), stream=True))
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks)
    first, *contents, last = [chunk.choices[0] for chunk in chunks]
    assert (first.delta.role, first.delta.content) == ("assistant", "")
    assert all(choice.delta.role is None and choice.finish_reason is None for choice in contents)
    assert len(contents) > 5
    assert "".join(choice.delta.content or "" for choice in contents).strip() == f"I hear you: {SAD}"
    assert last.finish_reason == "stop"
    assert last.delta.content is None
    assert last.delta.model_extra["hef"]["emotion"] == "sad"  # type: ignore[index]


def test_usage_ends_a_stream_that_asks_for_it(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(**says(SAD), stream=True, stream_options={"include_usage": True}))
    assert [len(chunk.choices) for chunk in chunks[-2:]] == [1, 0]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_several_people_are_answered_at_once(async_client: openai.AsyncOpenAI) -> None:
    texts = [f"I am sad about number {number}." for number in range(16)]
    completions = await asyncio.gather(
        *(async_client.chat.completions.create(**says(text, user=f"p{text}")) for text in texts)
    )
    replies = [(completion.choices[0].message.content or "").strip() for completion in completions]
    assert replies == [f"I hear you: {text}" for text in texts]


async def test_stream_arrives_word_by_word_while_the_llm_writes(
    async_client: openai.AsyncOpenAI, chat: TalkingChat
) -> None:
    stream = await async_client.chat.completions.create(**says("Please hang on."), stream=True)
    words = []
    async for chunk in stream:
        words.append(chunk.choices[0].delta.content)
        if len(words) == 3:
            chat.release()
    assert [word for word in words if word][:2] == ["I ", "hear "]
    assert words[-1] is None


def test_danger_is_answered_like_any_reply(client: openai.OpenAI, chat: TalkingChat) -> None:
    calls = len(chat.prompts)
    chunks = list(client.chat.completions.create(**says(DANGER), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert len(chunks) > 10
    assert "alive" in text or "help" in text
    assert chunks[-1].choices[0].finish_reason == "stop"
    understood = chunks[-1].choices[0].delta.model_extra["hef"]  # type: ignore[index]
    assert (understood["safety"]["level"], understood["emotion"]) == ("danger", None)
    assert len(chat.prompts) == calls
    whole = client.chat.completions.create(**says(DANGER)).choices[0]
    assert (whole.message.content, whole.finish_reason) == (text, "stop")


def test_settings_of_the_request_reach_the_llm(client: openai.OpenAI, chat: TalkingChat) -> None:
    settings = {"temperature": 0.3, "top_p": 0.9, "stop": ["\n\n"], "seed": 7}
    client.chat.completions.create(**says(SAD, max_tokens=11, **settings))
    assert chat.settings[-1] == {**settings, "max_tokens": 11}
    client.chat.completions.create(**says(SAD, max_completion_tokens=12, seed=-1))
    assert chat.settings[-1] == {"max_tokens": 12}


def test_host_instructions_anywhere_are_told_to_the_llm(client: openai.OpenAI, chat: TalkingChat) -> None:
    messages: Any = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": [{"type": "text", "text": SAD}], "name": "ana"},
        {"role": "developer", "content": "Be brief."},
    ]
    client.chat.completions.create(model="hef", messages=messages)
    prompt = chat.prompts[-1]
    assert "Speak like a pirate." in str(prompt[0].text)
    assert "Be brief." in str(prompt[0].text)
    assert prompt[-1].name == "ana"


@pytest.mark.parametrize("stream", [False, True])
def test_a_first_message_of_an_image_alone_is_answered_by_who_says_that_it_was_not_seen(
    client: openai.OpenAI, chat: TalkingChat, stream: bool
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [image]}]
    answer: Any = client.chat.completions.create(model="hef", messages=messages, user="ana", stream=stream)
    choice = list(answer)[-1].choices[0].delta if stream else answer.choices[0].message
    understood = choice.model_extra["hef"]
    assert "not seen" in understood["degraded"]
    assert (understood["emotion"], understood["shares"], understood["memories"]) == (None, {}, [])
    told, said = chat.prompts[-1]
    assert "can neither see nor hear" in str(told.text)
    assert "Be brief." in str(told.text)
    assert said.text == "(a picture or a recording, which you cannot see or hear)"


def test_an_image_is_said_to_be_unseen(client: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": SAD}, image]}]
    message = client.chat.completions.create(model="hef", messages=messages).choices[0].message
    assert "image" in message.model_extra["hef"]["degraded"]  # type: ignore[index]


def test_tools_are_ignored_and_said_to_be(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object"}}}
    response = client.chat.completions.with_raw_response.create(**says(SAD, tools=[tool], tool_choice="auto"))
    assert response.headers["x-hef-ignored"] == "tools"
    assert response.parse().choices[0].finish_reason == "stop"
    assert "x-hef-ignored" not in client.chat.completions.with_raw_response.create(**says(SAD)).headers


def test_models_are_hef_and_the_characters(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["hef", "mara"]
    assert client.models.retrieve("mara").owned_by == "hef"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_character_replies_as_itself(client: openai.OpenAI, chat: TalkingChat) -> None:
    completion = client.chat.completions.create(**says(SAD) | {"model": "mara"})
    assert completion.model == "mara"
    assert "dry old sailor" in str(chat.prompts[-1][0].text)


def test_a_stream_is_alive_before_voice_clients_give_up() -> None:
    assert ServerSettings().keep_alive + 0.5 < 5  # Pipecat's `retry_timeout_secs`; LiveKit waits for ten


def test_keep_alive_comments_come_while_the_llm_thinks(url: str, chat: TalkingChat) -> None:
    body = says("Please hold this.", stream=True)
    comments, data = 0, []
    with httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            comments += line.startswith(":")
            if comments == 2:
                chat.release()
            data += [line] if line.startswith("data: ") else []
    assert data[-1] == "data: [DONE]"
    assert comments >= 2


async def test_a_character_with_a_graph_of_its_own_is_answered_by_it(chat: TalkingChat) -> None:
    sem = resolve_sem("lexicon")
    names = ("mara", "june")
    app = create_app(
        create_hef(model=chat, sem=sem).compile(),
        model=chat,
        sem=sem,
        settings=ServerSettings(context=HefContext(strategy="sem_only")),
        characters={name: Character(id=name, name=name.title(), persona="a sailor") for name in names},
        character_graphs={"mara": create_hef(model=ScriptedChat(script=["Ahoy."]), sem=sem).compile()},
    )
    said = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        for name in (*names, "hef"):
            answer = await client.post("/v1/chat/completions", json=says(SAD, model=name))
            said[name] = answer.json()["choices"][0]["message"]["content"]
    assert {name: text.strip() for name, text in said.items()} == {
        **{"mara": "Ahoy.", "june": f"I hear you: {SAD}", "hef": f"I hear you: {SAD}"}
    }
