"""What is remembered of a turn whose client hung up while the reply was spoken, as voice clients do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chat_server import chat_server
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.api_errors import ApiError
from hef.serving.chat_app import create_app
from hef.serving.chat_conversations import Conversations
from hef.serving.chat_request import ChatMessage
from hef.serving.front_ends.emotion_tags import EmotionTags
from hef.serving.server_settings import ServerSettings
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.turn_run import TurnRun
from langgraph.store.memory import InMemoryStore
from talking_chat import TalkingChat

FIRST = {"role": "user", "content": "I am so sad, please hang on."}


@pytest.fixture(scope="module")
def chat() -> TalkingChat:
    return TalkingChat()


@pytest.fixture(scope="module")
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture(scope="module")
def client(chat: TalkingChat, store: InMemoryStore) -> Iterator[httpx.Client]:
    sem = resolve_sem("lexicon")
    settings = ServerSettings(context=HefContext(strategy="sem_only"), keep_alive=0.05)
    app = create_app(
        create_hef(model=chat, sem=sem).compile(store=store), model=chat, sem=sem, store=store, settings=settings
    )
    with chat_server(app) as server, httpx.Client(base_url=f"{server.url}/v1", timeout=30) as client:
        yield client


def says(person: str, *messages: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"model": "hef", "user": person, "messages": list(messages), **fields}


def hang_up(client: httpx.Client, body: dict[str, Any], after: str) -> None:
    with client.stream("POST", "/chat/completions", json={**body, "stream": True}) as response:
        for line in response.iter_lines():
            if after in line:
                return


def told(store: InMemoryStore, person: str) -> list[tuple[str, str]]:
    return [(turn.text, turn.reply) for turn in sorted(list_turns(store, person), key=lambda turn: turn.turn)]


async def cancel_in_mid_reply(graph: Any, conversations: Conversations, person: str) -> None:
    messages = [ChatMessage("user", FIRST["content"])]
    plan = await conversations.open(person=person, character=None, chat_id="chat", messages=messages)
    context = HefContext(strategy="sem_only", user_id=person)
    pieces: list[Any] = []

    async def read() -> None:
        async with plan:
            async for event in TurnRun(graph, plan, context, EmotionTags([])).events():
                pieces.append(event)

    task = asyncio.create_task(read())
    while not pieces:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_memory_that_fails_as_the_client_hangs_up_warns_before_the_turn_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(InMemoryStore):
        def batch(self, ops: Any) -> Any:
            raise OSError("disk on fire")

    caplog.set_level(logging.INFO)
    graph = create_hef(model=TalkingChat(), sem=resolve_sem("lexicon")).compile(store=Broken())

    await cancel_in_mid_reply(graph, Conversations(SqliteTurns(), InMemoryStore()), "fay")

    logged = [record.getMessage() for record in caplog.records if record.name == "hef.graph.node_telemetry"]
    assert logged[-2] == "remember left something out (OSError)"
    assert logged[-1].startswith("turn: emotion=")
    assert "degraded=remember" in logged[-1]


async def test_a_database_that_fails_as_the_client_hangs_up_takes_no_turn_away() -> None:
    class Failing(SqliteTurns):
        async def run(self, sql: str, values: Any = ()) -> Any:
            if sql.startswith("INSERT INTO hef_chat_replies"):
                raise ApiError(503, "gone", "storage_unavailable")
            return await super().run(sql, values)

    chat, store, sem = TalkingChat(), InMemoryStore(), resolve_sem("lexicon")
    graph = create_hef(model=chat, sem=sem).compile(store=store)

    await cancel_in_mid_reply(graph, Conversations(Failing(), store), "eva")

    assert [text for text, _ in told(store, "eva")] == [FIRST["content"]]


def test_what_was_said_is_remembered_with_what_was_heard_of_the_reply(
    client: httpx.Client, store: InMemoryStore, chat: TalkingChat
) -> None:
    hang_up(client, says("ana", FIRST), after='"hear "')
    heard = {"role": "assistant", "content": "I"}
    then = {"role": "user", "content": "And I am sad about the rain."}
    answer = client.post("/chat/completions", json=says("ana", FIRST, heard, then))
    assert answer.status_code == 200
    assert told(store, "ana") == [
        (FIRST["content"], "I"),
        (then["content"], "I hear you: And I am sad about the rain."),
    ]


def test_a_turn_that_is_sent_again_is_remembered_once(
    client: httpx.Client, store: InMemoryStore, chat: TalkingChat
) -> None:
    hang_up(client, says("ben", FIRST), after='"hear "')
    hang_up(client, says("ben", FIRST), after='"hear "')
    other = {"role": "user", "content": "I am glad about the sun."}
    client.post("/chat/completions", json=says("ben", FIRST, {"role": "assistant", "content": "I hear"}, other))
    assert [text for text, _ in told(store, "ben")] == [FIRST["content"], other["content"]]


def test_a_fragment_that_the_transcript_does_not_show_is_marked(client: httpx.Client, store: InMemoryStore) -> None:
    hang_up(client, says("cleo", FIRST), after='"hear "')
    # The next request of the conversation waits until this turn is stored.
    hang_up(client, says("cleo", FIRST), after='"hear "')
    assert (FIRST["content"], "I hear…") in told(store, "cleo")


def test_nothing_is_remembered_where_no_word_was_said(client: httpx.Client, store: InMemoryStore) -> None:
    said = {"role": "user", "content": "I am so sad, hold this."}
    hang_up(client, says("dora", said), after="keep-alive")
    more = {"role": "user", "content": "And I miss the sun."}
    client.post("/chat/completions", json=says("dora", said, more))
    assert [text for text, _ in told(store, "dora")] == [f"{said['content']}\n{more['content']}"]
