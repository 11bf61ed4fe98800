"""Two chat servers, one PostgreSQL, one Chroma server, one LLM server; a chat server is killed in the middle of turns.

`HEF_CONVERSATIONS=40 HEF_TURNS=5 python -m pytest tests/serving/threads/test_kill.py` holds more and longer
conversations at once.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hef.graph import open_store
from hef.memory import list_turns
from llm_server import CODE
from postgres_server import binaries
from serving_site import ChatProcess, Site

pytest.importorskip("psycopg_pool")
pytest.importorskip("langchain_openai")
pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server: apt-get install postgresql")

CONVERSATIONS = int(os.environ.get("HEF_CONVERSATIONS", "12"))
TURNS = int(os.environ.get("HEF_TURNS", "4"))
EACH = 2
"""Conversations of a person; what was said in one may be recalled in the other."""
WAITING = max(1, CONVERSATIONS // 8)
"""Turns that the killed server has begun at least; conversations that it alone gets may have come to their end."""


def person_of(conversation: int) -> str:
    return f"person{conversation // EACH}"


def code_of(conversation: int, turn: int) -> str:
    return f"code{person_of(conversation)}x{conversation % EACH}x{turn}"


def said_in(conversation: int, turn: int) -> str:
    return f"I lost my {code_of(conversation, turn)} today, and I cannot stop crying about it."


@dataclass
class Played:
    """What the clients had."""

    replies: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """Conversation and turn -> the replies to both copies of the request."""
    lost: Counter[str] = field(default_factory=Counter)
    """What became of requests that had no answer and were sent again."""


@pytest.fixture(scope="module")
def site_and_played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Played]]:
    """Hold all conversations, one server being killed on the way."""
    with ExitStack() as stack:
        site = Site(tmp_path_factory.mktemp("site"), stack, replies=CONVERSATIONS * TURNS // 4)
        doomed, heir = site.serve("doomed", "heir")
        yield site, asyncio.run(_play(site, doomed, heir))


@pytest.fixture
def site(site_and_played: tuple[Site, Played]) -> Site:
    return site_and_played[0]


@pytest.fixture
def played(site_and_played: tuple[Site, Played]) -> Played:
    return site_and_played[1]


async def _play(site: Site, doomed: ChatProcess, heir: ChatProcess) -> Played:
    played = Played()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client, asyncio.TaskGroup() as group:
        for conversation in range(CONVERSATIONS):
            group.create_task(_converse(client, (doomed.url, heir.url), conversation, played))
        assert await asyncio.to_thread(site.llm.wait_for, "doomed", WAITING), "no reply of the server waits"
        doomed.process.kill()
        await asyncio.to_thread(doomed.process.wait)
        site.llm.opened.set()
    return played


async def _converse(client: httpx.AsyncClient, urls: tuple[str, str], conversation: int, played: Played) -> None:
    """Say everything twice at once, to one server or to both, and go on when both copies are answered."""
    doomed, heir = urls
    servers = ((doomed, doomed), (heir, heir), urls)[conversation % 3]
    messages: list[dict[str, str]] = []
    for turn in range(TURNS):
        messages.append({"role": "user", "content": said_in(conversation, turn)})
        request = {"model": "hef", "messages": messages, "user": person_of(conversation)}
        headers = {"x-hef-chat-id": f"chat{conversation}"} if conversation % 4 < EACH else {}
        # Half of the conversations are known by their id, half by what was said in them; one copy is streamed.
        copies = [
            _send(client, [url, heir], {**request, "stream": is_streamed}, headers, played)
            for url, is_streamed in zip(servers, (False, True), strict=True)
        ]
        played.replies[conversation, turn] = tuple(await asyncio.gather(*copies))
        messages.append({"role": "assistant", "content": played.replies[conversation, turn][0]})


async def _send(
    client: httpx.AsyncClient, urls: list[str], request: dict[str, Any], headers: dict[str, str], played: Played
) -> str:
    """Return the reply; a request without an answer is sent to the next server, as a balancer and its client do."""
    for url in urls:
        try:
            answer = await client.post(f"{url}/v1/chat/completions", json=request, headers=headers)
            answer.raise_for_status()
            return _streamed_reply(answer.text) if request["stream"] else _whole_reply(answer.json())
        except httpx.TransportError as error:
            played.lost[type(error).__name__] += 1
    raise AssertionError("no server answered")


def _whole_reply(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


def _streamed_reply(text: str) -> str:
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]", text
    deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_requests_that_the_killed_server_had_begun_were_answered_by_the_other(site: Site, played: Played) -> None:
    assert site.llm.waiting["doomed"] >= WAITING
    assert played.lost.total() >= WAITING


def test_every_turn_has_one_reply(site: Site, played: Played) -> None:
    assert sorted(played.replies) == [(c, t) for c in range(CONVERSATIONS) for t in range(TURNS)]
    for (conversation, turn), replies in played.replies.items():
        assert len(set(replies)) == 1
        assert code_of(conversation, turn) in replies[0]
    asked = site.ask("SELECT thread, number, answered IS NOT NULL, active FROM hef_chat_turns")
    assert Counter((number, *state) for _, number, *state in asked) == {
        (turn + 1, True, 1): CONVERSATIONS for turn in range(TURNS)
    }
    assert len({thread for thread, *_ in asked}) == CONVERSATIONS


def test_memory_holds_every_turn_exactly_once(site: Site, played: Played) -> None:
    with open_store(url=site.chroma) as store:
        for conversation in range(0, CONVERSATIONS, EACH):
            own = range(conversation, min(conversation + EACH, CONVERSATIONS))
            turns = list_turns(store, person_of(conversation))
            stored = sorted((turn.turn, turn.text, turn.reply) for turn in turns)
            expected = [(t + 1, said_in(c, t), played.replies[c, t][0]) for c in own for t in range(TURNS)]
            assert stored == sorted(expected)
        assert len(store.search(("hef",), limit=10_000)) == CONVERSATIONS * TURNS


def test_nothing_crosses_from_one_person_to_another(played: Played) -> None:
    recalled = 0
    for (conversation, turn), (reply, _) in played.replies.items():
        codes = set(CODE.findall(reply))
        person = person_of(conversation)
        theirs = {code_of(c, t) for c in range(CONVERSATIONS) if person_of(c) == person for t in range(TURNS)}
        before = {code_of(conversation, t) for t in range(turn + 1)}
        assert before <= codes <= theirs
        recalled += len(codes - before)
    assert recalled, "no reply rests on the memory of another conversation"
